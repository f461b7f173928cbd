/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/ctl/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"
#include "tools/ctl/ctl.h"

enum { GAP = 2 };

void tdm_table_init(struct tdm_table *table, size_t columns, const char *const *head)
{
	*table = (struct tdm_table){ .columns = columns };
	for (size_t i = 0; i < columns; i++)
		tdm_table_cell(table, "%s", head[i]);
}

void tdm_table_deinit(struct tdm_table *table)
{
	free(table->cells);
	*table = (struct tdm_table){ .columns = 0 };
}

void tdm_table_cell(struct tdm_table *table, const char *fmt, ...)
{
	char text[256];
	size_t at = table->next;
	va_list args;

	if (at == table->cap) {
		size_t cap = table->cap ? table->cap * 2 : 64;
		void *grown = realloc(table->cells, cap * sizeof(table->cells[0]));

		if (!grown)
			return;
		table->cells = grown;
		table->cap = cap;
	}
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	tdm_text_safe(text, strlen(text), table->cells[at], sizeof(table->cells[at]));
	table->next++;
	table->rows = table->next / table->columns;
}

void tdm_table_print(const struct tdm_table *table, FILE *out)
{
	size_t widths[TDM_TABLE_COLUMNS] = { 0 };

	for (size_t i = 0; i < table->rows * table->columns; i++) {
		size_t width = tdm_ctl_width(table->cells[i]);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	for (size_t row = 0; row < table->rows; row++)
		for (size_t col = 0; col < table->columns; col++) {
			const char *cell = table->cells[row * table->columns + col];
			size_t pad = widths[col] - tdm_ctl_width(cell) + GAP;

			if (col + 1 == table->columns)
				fprintf(out, "%s\n", cell);
			else
				fprintf(out, "%s%*s", cell, (int)pad, "");
		}
}
