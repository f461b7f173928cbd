/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the CPG adapter reads from corosync's configuration map. */
#pragma once

#include "replication/transport_cpg.h"

/* Fill info. TDM_ERR_CLUSTER_LOST, TDM_ERR_PERM, TDM_ERR_CONFIG with diag. */
enum tdm_err tdm_cpg_map_read(struct tdm_cpg_info *info, struct tdm_diag *diag) TDM_MUST_USE;
