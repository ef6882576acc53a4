// SPDX-License-Identifier: BSD-3-Clause
// The crypto devices of the process: those it makes itself (Intel's Multi-Buffer library, on the
// CPU), and those that were there (lookaside). What each can do is found out by trial.
#pragma once

#include "base/error.h"
#include "ipsec/algorithm.h"
#include "ipsec/cpu_crypto.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct rte_mempool;

namespace sallyport::ipsec {

using Sha256 = std::array<std::uint8_t, 32>;

struct CryptoSettings {
    /// Queue pairs for lookaside: one a worker.
    std::uint16_t workers = 1;
    /// Sessions there is room for: one for an SA in one direction.
    std::uint32_t sessions = 4096;
};

/// Owns the devices it made or started, and the pool of their sessions: must outlive all sessions.
/// Control thread.
class CryptoDevices {
  public:
    /// Without any device of the Multi-Buffer library, because DPDK's driver is not installed, this
    /// succeeds: inline and lookaside engines may be there; missing_reason() tells.
    static Expected<std::unique_ptr<CryptoDevices>> open(const CryptoSettings& settings);
    ~CryptoDevices();
    CryptoDevices(const CryptoDevices&) = delete;
    CryptoDevices& operator=(const CryptoDevices&) = delete;

    /// The device that runs an algorithm on the calling thread, known-answer test passed, and the
    /// faster one where there are two; a failure says which package is missing.
    [[nodiscard]] Expected<std::uint8_t> cpu_device(Algorithm algorithm) const;

    [[nodiscard]] bool runs_on_cpu(std::uint8_t device, Algorithm algorithm) const;

    /// A device with queue pairs for all workers that has an algorithm, by its capabilities and a
    /// session that can be made. Our own CPU devices count only if @p any.
    [[nodiscard]] Expected<std::uint8_t> lookaside_device(Algorithm algorithm, bool any) const;

    [[nodiscard]] rte_mempool* session_pool() const { return pool_.get(); }
    [[nodiscard]] std::uint16_t workers() const { return settings_.workers; }
    /// Names of all devices with what they run: "crypto_aesni_mb: aes128gcm16, ...": for the shell.
    [[nodiscard]] std::vector<std::string> descriptions() const;
    /// Why there is no CPU device; empty if there is one.
    [[nodiscard]] const std::string& missing_reason() const { return missing_; }

    /// SHA-256 by a crypto device: for names of keys that reveal nothing.
    /// @param message stays as it is (the driver's interface does not say so)
    [[nodiscard]] Expected<Sha256> sha256(std::span<std::uint8_t> message) const;

    /// Of a device that cpu_device() has given; lives as long as this object.
    [[nodiscard]] const ThreadProbe* probe(std::uint8_t device) const;

  private:
    struct Device {
        std::uint8_t id = 0;
        std::string name;
        /// Made by us, to be removed by us.
        bool made = false;
        bool started = false;
        std::unique_ptr<ThreadProbe> probe;
        std::vector<Algorithm> on_cpu;
        std::vector<Algorithm> lookaside;
    };
    struct FreePool {
        void operator()(rte_mempool* pool) const;
    };

    explicit CryptoDevices(const CryptoSettings& settings) : settings_(settings) {}
    void make_devices();
    void find_devices();
    Expected<void> make_pool();
    void start(Device& device);
    void try_out(Device& device);
    void make_probe(Device& device);

    CryptoSettings settings_;
    std::unique_ptr<rte_mempool, FreePool> pool_;
    std::vector<Device> devices_;
    std::string missing_;
};

} // namespace sallyport::ipsec
