/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/mutant.h"

int tdm_mutant;
