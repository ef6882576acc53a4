// SPDX-License-Identifier: BSD-3-Clause
// A queue between a packet socket and a kernel interface that has none of its own.
#pragma once

#include "base/error.h"

#include <string>

namespace sallyport::underlay {

/// Gives an interface without a queueing discipline (veth's default) a plain one, and leaves
/// any other as it is. Without a queue the kernel reports to a packet socket that the far end of a
/// veth refused a frame, as too long for its MTU; the socket's send ring then offers that frame
/// again for ever, and nothing behind it is sent.
/// Control thread. Needs CAP_NET_ADMIN.
/// @param name of an interface in this network namespace
Expected<void> ensure_transmit_queue(const std::string& name);

} // namespace sallyport::underlay
