// SPDX-License-Identifier: BSD-3-Clause
// A rule in words, for people; testpmd_printer.h has the exact program.
#pragma once

#include "eswitch/rule_spec.h"

#include <string>

namespace sallyport::eswitch {

/// "tenant 3, destination 02:00:00:00:00:01"
std::string match_text(const RuleSpec& spec);
/// "count, to port 7"
std::string actions_text(const RuleSpec& spec);

} // namespace sallyport::eswitch
