/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records and policies: what can be read can be written, and reads the same again. The first byte
 * says which of the two the rest is. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "proto/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void record(const uint8_t *data, size_t size)
{
	static uint8_t wire[64 * 1024];
	struct tdm_record first, second;
	size_t len;

	if (tdm_record_decode(data, size, &first))
		return;
	/* fields of a newer release are carried over, so the input may be larger than our records
	 */
	if (tdm_record_encode(&first, data, size, wire, sizeof(wire), &len))
		return;
	assert(!tdm_record_decode(wire, len, &second));
	assert(memcmp(&first, &second, sizeof(first)) == 0);
	assert(!tdm_record_encode(&first, NULL, 0, wire, TDM_RECORD_WIRE_MAX, &len));
}

static void policy(const uint8_t *data, size_t size)
{
	static uint8_t wire[TDM_POLICY_WIRE_MAX];
	static struct tdm_policy first, second;
	size_t len;

	if (tdm_policy_decode(data, size, &first))
		return;
	assert(!tdm_policy_encode(&first, wire, sizeof(wire), &len));
	assert(!tdm_policy_decode(wire, len, &second));
	assert(memcmp(&first, &second, sizeof(first)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] & 1)
		record(data + 1, size - 1);
	else
		policy(data + 1, size - 1);
	return 0;
}
