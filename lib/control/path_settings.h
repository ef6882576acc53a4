// SPDX-License-Identifier: BSD-3-Clause
// What the settings mean for the software path and the forwarding state.
#pragma once

#include "base/error.h"
#include "config/settings.h"
#include "datapath/software_path.h"
#include "overlay/forwarding_state.h"

#include <cstdint>
#include <vector>

namespace sallyport::control {

/// EAL's worker lcores, one worker each; none is an Error.
Expected<std::vector<unsigned>> worker_lcores();
/// How many there are.
std::uint16_t worker_count();

datapath::SoftwarePathSettings path_settings(const config::Settings& settings,
                                             std::vector<unsigned> worker_lcores);
overlay::Limits state_limits(const config::Settings& settings);

} // namespace sallyport::control
