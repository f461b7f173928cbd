/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/data/msg.h"

#include <stdlib.h>

#include "proto/bytes.h"

static size_t payload_size(enum tdm_msg_kind kind)
{
	switch (kind) {
	case TDM_MSG_AUTH:
		return sizeof(struct tdm_msg_auth);
	case TDM_MSG_CONNECT:
		return sizeof(struct tdm_msg_connect);
	case TDM_MSG_TUNNEL_DOWN:
		return sizeof(struct tdm_msg_tunnel_down);
	case TDM_MSG_LOGOUT:
		return sizeof(struct tdm_msg_logout);
	case TDM_MSG_SERVING:
		return sizeof(struct tdm_msg_serving);
	case TDM_MSG_AUTH_RESULT:
		return sizeof(struct tdm_msg_auth_result);
	case TDM_MSG_CONNECT_RESULT:
		return sizeof(struct tdm_msg_connect_result);
	case TDM_MSG_TUNNEL_CLOSE:
		return sizeof(struct tdm_msg_tunnel_close);
	case TDM_MSG_SERVE:
		return sizeof(struct tdm_msg_serve);
	case TDM_MSG_CONN_CLOSED:
	case TDM_MSG_STOPPED:
	case TDM_MSG_STOP:
		break;
	}
	return 0;
}

/* Most messages are small; a connect result carries a record and a policy. */
static size_t size_of(enum tdm_msg_kind kind)
{
	return offsetof(struct tdm_msg, auth) + payload_size(kind);
}

struct tdm_msg *tdm_msg_new(enum tdm_msg_kind kind)
{
	struct tdm_msg *msg = calloc(1, size_of(kind));

	if (msg)
		msg->kind = kind;
	return msg;
}

void tdm_msg_free(struct tdm_msg *msg)
{
	if (!msg)
		return;
	tdm_bytes_wipe(msg, size_of(msg->kind));
	free(msg);
}
