// SPDX-License-Identifier: BSD-3-Clause
// A network interface as a wire: all that arrives at it, and frames sent by it as they are.
#pragma once

#include "offloads.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mlx5sim {

class PacketSocket {
  public:
    static constexpr unsigned burst = 64;

    /// Null: @p why says why not, as errno.
    static std::unique_ptr<PacketSocket> open(const std::string& interface, int& why);
    PacketSocket(const PacketSocket&) = delete;
    PacketSocket& operator=(const PacketSocket&) = delete;
    ~PacketSocket();

    int descriptor() const { return socket_; }
    /// Of the interface as it was when the socket was opened.
    unsigned ifindex() const { return ifindex_; }

    /// Takes up to a burst of what has arrived, and hands it over as it would have come by a wire.
    /// Returns how many frames were taken, those among them that no wire could have brought too.
    unsigned receive(const Sink& sink);
    /// Keeps a frame for the next flush(), padded to @p least octets.
    void send(std::span<const std::uint8_t> frame, std::size_t least);
    void flush();

  private:
    PacketSocket(int socket, unsigned ifindex, std::string interface);
    void refuse_frame(const char* why);

    int socket_;
    unsigned ifindex_;
    std::string interface_;
    std::array<FrameBuffer, burst> waiting_;
    unsigned waiting_count_ = 0;
    bool has_refused_ = false;
};

} // namespace mlx5sim
