/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/place.h"

static bool eligible(tdm_node_id id, const struct tdm_place_node *nodes, size_t nodes_len)
{
	for (size_t i = 0; i < nodes_len; i++)
		if (nodes[i].id == id)
			return nodes[i].present && nodes[i].synced;
	return false;
}

tdm_node_id tdm_place(const tdm_node_id *order, size_t order_len,
	const struct tdm_place_node *nodes, size_t nodes_len, tdm_node_id current)
{
	for (size_t i = 0; current && i < order_len; i++)
		if (order[i] == current && eligible(current, nodes, nodes_len))
			return current;
	for (size_t i = 0; i < order_len; i++)
		if (eligible(order[i], nodes, nodes_len))
			return order[i];
	return 0;
}
