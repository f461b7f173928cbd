/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints the result of a comparison of tables. The JSON is an interface: keys are added, never
 * changed. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "proto/control.pb-c.h"

void tdm_verify_json(FILE *out, const Tandem__Control__Verify *verify);
void tdm_verify_text(FILE *out, const Tandem__Control__Verify *verify);
/* All tables are the same now. */
bool tdm_verify_is_equal(const Tandem__Control__Verify *verify);
