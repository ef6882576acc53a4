// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/flow_api.h"

#include "base/errno_text.h"

#include <rte_errno.h>

namespace sallyport::eswitch {

std::string describe(const rte_flow_error& error, int code) {
    const std::string reason = base::errno_text(code == 0 ? rte_errno : -code);
    return error.message == nullptr ? reason : std::string(error.message) + " (" + reason + ")";
}

} // namespace sallyport::eswitch
