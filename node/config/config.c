/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "node/config/convert.h"
#include "node/config/parse.h"
#include "node/file.h"

enum { CONFIG_FILE_MAX = 1024 * 1024 };

static enum tdm_err convert_and_check(const struct tdm_places *places, const struct raw_config *raw,
	struct tdm_config *config, struct tdm_diag *diag)
{
	struct tdm_values values = { .places = places, .diag = diag };

	tdm_convert(&values, raw, config);
	tdm_check(&values, config);
	if (!values.err)
		tdm_config_fingerprint(config);
	return values.err;
}

static enum tdm_err parse_placed(const struct tdm_places *places, const void *data, size_t len,
	struct tdm_config **out, struct tdm_diag *diag)
{
	struct tdm_config *config;
	struct raw_config *raw;
	enum tdm_err err = tdm_raw_load(places, data, len, &raw, diag);

	if (err)
		return err;
	config = calloc(1, sizeof(*config));
	err = config ? convert_and_check(places, raw, config, diag)
		     : tdm_diag_set(diag, TDM_ERR_NOMEM, "out of memory");
	tdm_raw_free(raw);
	if (err) {
		free(config);
		return err;
	}
	*out = config;
	return TDM_OK;
}

static enum tdm_err parse(const char *file, const void *data, size_t len, bool with_files,
	struct tdm_config **out, struct tdm_diag *diag)
{
	struct tdm_places places;
	struct tdm_config *config = NULL;
	enum tdm_err err = tdm_places_init(&places, file, data, len, diag);

	if (!err)
		err = parse_placed(&places, data, len, &config, diag);
	if (!err && with_files)
		err = tdm_check_files(&places, config, diag);
	tdm_places_deinit(&places);
	if (err) {
		tdm_config_free(config);
		return err;
	}
	*out = config;
	return TDM_OK;
}

enum tdm_err tdm_config_parse(const char *file, const void *data, size_t len,
	struct tdm_config **out, struct tdm_diag *diag)
{
	return parse(file, data, len, false, out, diag);
}

enum tdm_err tdm_config_load(const char *path, struct tdm_config **out, struct tdm_diag *diag)
{
	enum tdm_err err;
	char why[128];
	char *data;
	size_t len;

	err = tdm_file_read(path, CONFIG_FILE_MAX, &data, &len, why);
	if (err)
		return tdm_diag_set(diag, err, "%s: cannot read the configuration: %s", path, why);
	err = parse(path, data, len, true, out, diag);
	free(data);
	return err;
}

void tdm_config_free(struct tdm_config *config)
{
	free(config);
}

const struct tdm_policy *tdm_config_group(const struct tdm_config *config, const char *name)
{
	for (size_t i = 0; i < config->groups_len; i++)
		if (!strcmp(config->groups[i].name, name))
			return &config->groups[i];
	return NULL;
}

const struct tdm_config_tunnel_group *tdm_config_tunnel_group(
	const struct tdm_config *config, const char *name_or_label)
{
	for (size_t i = 0; i < config->tunnel_groups_len; i++)
		if (!strcmp(config->tunnel_groups[i].name, name_or_label) ||
			!strcmp(config->tunnel_groups[i].label, name_or_label))
			return &config->tunnel_groups[i];
	return NULL;
}
