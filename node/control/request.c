/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/control/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/log.h"
#include "proto/text.h"

static void answer_status(struct tdm_control_request *r)
{
	const struct tdm_control_config *config = r->config;
	struct tdm_cluster_status *status = calloc(1, sizeof(*status));
	struct tdm_journaler_status journal;
	bool known;

	if (!status) {
		r->out->failed = true;
		return;
	}
	config->ops.status(config->ctx, status);
	known = config->ops.journal && config->ops.journal(config->ctx, &journal);
	tdm_control_reply_status(r->out, &r->identity, status, known ? &journal : NULL, r->now);
	free(status);
}

static enum tdm_err begin_verify(struct tdm_control_request *r)
{
	enum tdm_err err = r->config->ops.verify(r->config->ctx);

	if (err)
		tdm_control_out_error(r->out, err, tdm_err_text(err));
	else
		tdm_log_info("control: uid %u (pid %d) asked for a comparison of the tables",
			r->peer.uid, r->peer.pid);
	return err;
}

/* The client asks again until the result is in. */
static void answer_verify(struct tdm_control_request *r, uint64_t ticket)
{
	struct tdm_cluster_status *status;

	if (!ticket && !r->peer.admin) {
		tdm_control_out_error(
			r->out, TDM_ERR_PERM, "only root may have the tables compared");
		return;
	}
	if (!ticket && begin_verify(r))
		return;
	status = calloc(1, sizeof(*status));
	if (!status) {
		r->out->failed = true;
		return;
	}
	r->config->ops.status(r->config->ctx, status);
	if (ticket > status->verify.demand)
		tdm_control_out_error(r->out, TDM_ERR_NOT_FOUND,
			"the comparison is not known: the daemon was started anew");
	else
		tdm_control_reply_verify(r->out, ticket ? ticket : status->verify.demand, status);
	free(status);
}

enum {
	PIECE_SESSIONS = 128, /* half a millisecond or so */
	PIECE_BYTES = TDM_CONTROL_CHUNK,
};

struct piece {
	struct tdm_control_request *request;
	const Tandem__Control__Filter *filter;
};

static bool list_session(void *ctx, const struct tdm_record *record,
	const struct tdm_policy *policy, tdm_ms age_ms, bool unprotected)
{
	struct piece *l = ctx;

	struct tdm_control_out *out = l->request->out;

	if (tdm_control_matches(l->filter, record))
		tdm_control_reply_session(out, l->request->config->config, record, policy, age_ms,
			unprotected, l->request->now);
	return !out->failed && out->bytes < PIECE_BYTES;
}

static bool is_state(const char *text)
{
	static const char *const states[] = { "", "new", "active", "inactive", "ended" };

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (!strcmp(text, states[i]))
			return true;
	return false;
}

void tdm_control_listing_end(struct tdm_control_listing *listing)
{
	if (listing->request)
		tandem__control__request__free_unpacked(listing->request, NULL);
	listing->request = NULL;
}

void tdm_control_request_list(struct tdm_control_request *r)
{
	const struct tdm_control_config *config = r->config;
	struct piece piece = { .request = r, .filter = r->listing->request->sessions->filter };

	if (!config->ops.sessions(
		    config->ctx, &r->listing->walk, PIECE_SESSIONS, list_session, &piece))
		return;
	tdm_control_reply_sessions_end(r->out);
	tdm_control_listing_end(r->listing);
}

/* Takes the request. */
static void answer_sessions(struct tdm_control_request *r, Tandem__Control__Request *request)
{
	const Tandem__Control__Filter *filter = request->sessions->filter;

	if (filter && !is_state(filter->state)) {
		tdm_control_out_error(r->out, TDM_ERR_INVAL,
			"there is no such state; new, active, inactive and ended are known");
		tandem__control__request__free_unpacked(request, NULL);
		return;
	}
	*r->listing = (struct tdm_control_listing){ .request = request };
	if (filter) {
		r->listing->walk.index = filter->index;
		r->listing->walk.user = filter->user[0] ? filter->user : NULL;
	}
	tdm_control_request_list(r);
}

/* Ids first: the table must not change while it is walked. */
struct collection {
	Tandem__Control__Filter filter;
	tdm_session_id *ids;
	size_t len, cap;
	bool failed;
};

static bool collect_id(void *ctx, const struct tdm_record *record, const struct tdm_policy *policy,
	tdm_ms age_ms, bool unprotected)
{
	struct collection *c = ctx;

	(void)policy, (void)age_ms, (void)unprotected;
	if (!tdm_control_matches(&c->filter, record))
		return true;
	if (c->len == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 16;
		tdm_session_id *grown = realloc(c->ids, cap * sizeof(*grown));

		c->failed = !grown;
		if (!grown)
			return false;
		c->ids = grown;
		c->cap = cap;
	}
	c->ids[c->len++] = record->id;
	return true;
}

static void describe(char *out, size_t cap, const Tandem__Control__LogoffRequest *request)
{
	char user[TDM_USER_MAX];

	if (request->user[0])
		snprintf(out, cap, "user \"%s\"%s",
			tdm_text_safe(request->user, strlen(request->user), user, sizeof(user)),
			request->index ? " by index" : "");
	else
		snprintf(out, cap, "index %u", request->index);
}

static void start_logoff(struct tdm_control_request *r, const struct collection *c)
{
	const struct tdm_control_config *config = r->config;
	struct tdm_control_logoff *logoff = r->logoff;

	logoff->ticket = r->ticket;
	logoff->waiting = (uint32_t)c->len;
	logoff->ended = logoff->failed = 0;
	for (size_t i = 0; i < c->len; i++) {
		enum tdm_err err = config->ops.logoff(config->ctx, r->ticket, c->ids[i]);

		if (err)
			tdm_control_request_logoff_done(logoff, &r->peer, err, r->out);
	}
}

static void answer_logoff(
	struct tdm_control_request *r, const Tandem__Control__LogoffRequest *request)
{
	struct collection c = { .filter = TANDEM__CONTROL__FILTER__INIT };
	struct tdm_session_walk walk = { .index = request->index };

	if (!r->peer.admin) {
		tdm_control_out_error(r->out, TDM_ERR_PERM, "only root may end sessions");
		return;
	}
	if (!request->index && !request->user[0]) {
		tdm_control_out_error(
			r->out, TDM_ERR_INVAL, "which session? give an index or a user");
		return;
	}
	c.filter.index = request->index;
	c.filter.user = request->user;
	walk.user = request->user[0] ? request->user : NULL;
	(void)r->config->ops.sessions(r->config->ctx, &walk, SIZE_MAX, collect_id, &c);
	describe(r->logoff->what, sizeof(r->logoff->what), request);
	if (c.failed)
		tdm_control_out_error(r->out, TDM_ERR_NOMEM, "out of memory");
	else if (!c.len)
		tdm_control_out_error(r->out, TDM_ERR_NOT_FOUND, "there is no such session");
	else
		start_logoff(r, &c);
	free(c.ids);
}

void tdm_control_request_logoff_done(struct tdm_control_logoff *logoff,
	const struct tdm_control_peer *peer, enum tdm_err err, struct tdm_control_out *out)
{
	if (!logoff->waiting)
		return;
	logoff->waiting--;
	if (err)
		logoff->failed++;
	else
		logoff->ended++;
	if (logoff->waiting)
		return;
	tdm_log_info("control: uid %u (pid %d) logged off %s: %u ended, %u failed", peer->uid,
		peer->pid, logoff->what, logoff->ended, logoff->failed);
	if (!logoff->ended)
		tdm_control_out_error(out, err, tdm_err_text(err));
	else
		tdm_control_reply_logoff(out, logoff->ended, logoff->failed);
	logoff->ticket = 0;
}

void tdm_control_request(struct tdm_control_request *r, const uint8_t *data, size_t len)
{
	Tandem__Control__Request *request = tandem__control__request__unpack(NULL, len, data);

	if (!request) {
		tdm_control_out_error(r->out, TDM_ERR_MALFORMED, "the request is not understood");
		return;
	}
	switch (request->kind_case) {
	case TANDEM__CONTROL__REQUEST__KIND_STATUS:
		answer_status(r);
		break;
	case TANDEM__CONTROL__REQUEST__KIND_SESSIONS:
		answer_sessions(r, request);
		return;
	case TANDEM__CONTROL__REQUEST__KIND_LOGOFF:
		answer_logoff(r, request->logoff);
		break;
	case TANDEM__CONTROL__REQUEST__KIND_VERIFY:
		answer_verify(r, request->verify->ticket);
		break;
	default:
		tdm_control_out_error(r->out, TDM_ERR_UNSUPPORTED,
			"this daemon does not know that request; is it older than the tool?");
	}
	tandem__control__request__free_unpacked(request, NULL);
}
