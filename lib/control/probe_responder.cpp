// SPDX-License-Identifier: BSD-3-Clause
#include "control/probe_responder.h"

#include <array>
#include <utility>

namespace sallyport::control {

namespace {

// A flood of requests must not keep a link event waiting; what is left makes the descriptor
// readable again.
constexpr unsigned answers_at_once = 64;

} // namespace

ProbeResponder::~ProbeResponder() {
    if (socket_) loop_.unwatch(socket_->fd());
}

Expected<void> ProbeResponder::start(std::uint16_t port, const std::string& host_port) {
    auto socket = underlay::ProbeSocket::open(port, host_port);
    if (!socket) return tl::unexpected(socket.error());
    if (auto watched = loop_.watch(socket->fd(), [this] { answer_some(); }); !watched)
        return watched;
    socket_ = std::move(*socket);
    return {};
}

void ProbeResponder::answer_some() {
    std::array<std::uint8_t, net::probe_packet_length> buffer;
    for (unsigned i = 0; i < answers_at_once; ++i) {
        const auto datagram = socket_->receive(buffer);
        if (!datagram) return;
        const auto request = net::parse_probe_packet(datagram->octets);
        if (!request) continue;
        if (const auto answer = responder_.answer(*request, failover::Clock::now()))
            socket_->send(net::write_probe_packet(*answer), datagram->ends);
    }
}

} // namespace sallyport::control
