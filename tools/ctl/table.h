/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of columns as wide as what is in them. */
#pragma once

#include <stddef.h>
#include <stdio.h>

enum { TDM_TABLE_COLUMNS = 10, TDM_TABLE_CELL = 96 };

struct tdm_table {
	size_t columns, rows, cap;
	char (*cells)[TDM_TABLE_CELL]; /* row by row */
	size_t next;                   /* column that is filled next */
};

/* The first row is the head. */
void tdm_table_init(struct tdm_table *table, size_t columns, const char *const *head);
void tdm_table_deinit(struct tdm_table *table);
/* The next cell, cut when too long; control characters are escaped. Out of memory: left out. */
void tdm_table_cell(struct tdm_table *table, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void tdm_table_print(const struct tdm_table *table, FILE *out);
