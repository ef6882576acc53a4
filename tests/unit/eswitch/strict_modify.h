// SPDX-License-Identifier: BSD-3-Clause
// MODIFY_FIELD as mlx5 takes it.
#pragma once

#include "strict_options.h"
#include "strict_refusal.h"

#include <rte_flow.h>

namespace sallyport::eswitch {

Verdict check_modify_template(const rte_flow_action& action, const rte_flow_action& mask,
                              const StrictOptions& options);

/// @param fixed the template's action
Verdict check_modify_rule(const rte_flow_action& fixed, const rte_flow_action& mask,
                          const rte_flow_action& action);

} // namespace sallyport::eswitch
