/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Guards that can be broken one at a time, to show that the simulator notices (tests/sim/mutants
 * lists them). In every other build TDM_MUTANT_IS() is 0 and nothing of this is left.
 */
#pragma once

#ifdef TDM_MUTANTS
extern int tdm_mutant; /* the broken one, 0 = none */
#define TDM_MUTANT_IS(n) (tdm_mutant == (n))
#else
#define TDM_MUTANT_IS(n) 0
#endif
