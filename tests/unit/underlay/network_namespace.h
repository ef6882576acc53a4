// SPDX-License-Identifier: BSD-3-Clause
// Tests against the real kernel: each in a fresh network namespace with a veth pair.
#pragma once

#include "base/file_descriptor.h"
#include "underlay/kernel_watch.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::underlay {

inline net::IpAddress ip(const std::string& text) {
    return net::IpAddress::parse(text).value();
}
inline net::MacAddress mac(const std::string& text) {
    return net::MacAddress::parse(text).value();
}

/// Runs a command in the namespace; the test fails if the command does.
void run(const std::string& command);
/// What a command writes to its standard output.
std::string output_of(const std::string& command);
/// Runs lines of ip-batch(8) in one go.
void run_batch(const std::string& ip_commands);

/// The wire, seen from an interface.
class PacketSocket {
  public:
    explicit PacketSocket(const std::string& interface);
    void send(const std::vector<std::uint8_t>& frame) const;
    /// Waits for a frame; those for which @p wanted is false are thrown away.
    [[nodiscard]] bool receive(const std::function<bool(const std::vector<std::uint8_t>&)>& wanted,
                               std::chrono::milliseconds limit = std::chrono::seconds(5)) const;
    /// Throws away what has come so far.
    void drain() const;

  private:
    base::FileDescriptor socket_;
};

/// An ARP request or neighbour solicitation for the address, by multicast or to one MAC.
bool is_solicitation(const std::vector<std::uint8_t>& frame, const net::IpAddress& target);

/// Enters a namespace of its own for each test, skipping the test where that is not permitted.
class NamespaceTest : public testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    bool entered() const { return static_cast<bool>(outside_); }

  private:
    base::FileDescriptor outside_;
};

/// "host0" with 192.0.2.1/24 and 2001:db8:0:1::1/64 and its veth peer "wire0", and a KernelWatch
/// whose callbacks are kept.
class KernelWatchTest : public NamespaceTest {
  protected:
    void SetUp() override;
    void TearDown() override;

    static void make_host_interface();
    void open_watch();

    /// Processes events until the condition holds. It never calls retry_unresolved(), whose second
    /// look at everything would hide events that were missed.
    bool wait_until(const std::function<bool()>& condition,
                    std::chrono::milliseconds limit = std::chrono::seconds(8));
    bool wait_for(const std::string& destination, const Resolution& expected);
    /// Processes what is pending now.
    void settle();

    std::unique_ptr<KernelWatch> watch;
    std::map<net::IpAddress, Resolution> resolutions;
    std::size_t resolution_calls = 0;
    std::map<std::string, std::vector<bool>> carriers;
    /// When the latest of them is said to have come.
    KernelWatch::Clock::time_point last_seen;
    using Removed = std::vector<std::pair<std::string, Removal>>;
    Removed removed;
    /// Called after the above were noted.
    std::function<void(const net::IpAddress&)> on_resolution;
    std::function<void(const std::string&)> on_carrier;
};

inline Resolution no_route() {
    return {};
}
inline Resolution by(const std::string& next_hop) {
    return {ip(next_hop), std::nullopt};
}
inline Resolution by(const std::string& next_hop, const std::string& known_mac) {
    return {ip(next_hop), mac(known_mac)};
}

std::ostream& operator<<(std::ostream& out, const Resolution& resolution);

} // namespace sallyport::underlay
