// SPDX-License-Identifier: BSD-3-Clause
// What an SA on the CPU costs a packet beside the cipher alone: bursts of 32 on one thread,
// transport mode over IPv4, each figure the median burst. Prints a table in Markdown.
#include "cipher_cycles.h"
#include "ipsec/cpu_engine.h"
#include "ipsec/session.h"
#include "support/frames.h"
#include "support/ring_port.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <rte_cryptodev.h>
#include <rte_cycles.h>

using namespace sallyport;
using namespace sallyport::ipsec;
using sallyport::testing::burst;
using sallyport::testing::cipher_cycles;

namespace {

constexpr std::uint16_t l2 = 14;
constexpr std::array<std::size_t, 5> frame_sizes{64, 256, 1440, 3986, 8900};

double median(std::vector<std::uint64_t>& cycles) {
    std::nth_element(cycles.begin(), cycles.begin() + cycles.size() / 2, cycles.end());
    return static_cast<double>(cycles[cycles.size() / 2]) / burst;
}

std::size_t rounds_for(std::size_t size) {
    return size > 2000 ? 3000 : 10000;
}

/// Packets that are written anew for each burst, so that all are alike.
class Packets {
  public:
    Packets(rte_mempool* pool, std::size_t frame_size) {
        testing::InnerFrame inner;
        inner.destination = testing::mac(2);
        inner.source = testing::mac(1);
        inner.payload = frame_size - l2 - 28;
        frame_ = testing::make_frame(inner);
        if (rte_pktmbuf_alloc_bulk(pool, packets.data(), burst) != 0)
            throw std::runtime_error("out of buffers");
    }
    ~Packets() { rte_pktmbuf_free_bulk(packets.data(), burst); }
    Packets(const Packets&) = delete;
    Packets& operator=(const Packets&) = delete;

    void renew() {
        for (rte_mbuf* packet : packets) {
            rte_pktmbuf_reset(packet);
            std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame_.size())),
                        frame_.data(), frame_.size());
        }
    }
    [[nodiscard]] std::size_t frame_size() const { return frame_.size(); }

    std::array<rte_mbuf*, burst> packets{};

  private:
    testing::Octets frame_;
};

SaSettings settings(Algorithm algorithm, Direction direction) {
    SaSettings sa;
    sa.name = "bench";
    sa.spi = 0x1000;
    sa.direction = direction;
    sa.algorithm = algorithm;
    sa.key = Secret(info(algorithm).key_material());
    std::iota(sa.key.octets().begin(), sa.key.octets().end(), std::uint8_t{1});
    sa.local = *net::IpAddress::parse(direction == Direction::outbound ? "10.0.0.1" : "10.0.0.2");
    sa.remote = *net::IpAddress::parse(direction == Direction::outbound ? "10.0.0.2" : "10.0.0.1");
    return sa;
}

SaSession session(const CryptoDevices& devices, std::uint8_t device, Algorithm algorithm,
                  Direction direction) {
    SaSettings sa = settings(algorithm, direction);
    auto engine = make_cpu_engine_on(device, sa, devices, nullptr);
    if (!engine) throw std::runtime_error(engine.error().message());
    return SaSession(std::move(sa), std::move(*engine));
}

struct Cost {
    double protect, unprotect;
};

Cost session_cost(const CryptoDevices& devices, std::uint8_t device, Algorithm algorithm,
                  Packets& packets) {
    SaSession outbound = session(devices, device, algorithm, Direction::outbound);
    SaSession inbound = session(devices, device, algorithm, Direction::inbound);
    std::array<PacketFault, burst> faults;
    std::vector<std::uint64_t> out, in;
    for (std::size_t i = 0; i < rounds_for(packets.frame_size()); ++i) {
        packets.renew();
        const std::uint64_t start = rte_rdtsc_precise();
        const auto sent = outbound.protect(packets.packets.data(), faults.data(), burst, l2);
        const std::uint64_t middle = rte_rdtsc_precise();
        const auto received = inbound.unprotect(packets.packets.data(), faults.data(), burst, l2);
        const std::uint64_t end = rte_rdtsc_precise();
        if (sent.good != burst || received.good != burst) throw std::runtime_error("a packet lost");
        out.push_back(middle - start);
        in.push_back(end - middle);
    }
    return {median(out), median(in)};
}

void measure(const CryptoDevices& devices, rte_mempool* pool, Algorithm algorithm) {
    for (const char* const name : {"crypto_aesni_mb_sallyport", "crypto_aesni_gcm_sallyport"}) {
        const int id = rte_cryptodev_get_dev_id(name);
        if (id < 0 || devices.probe(static_cast<std::uint8_t>(id)) == nullptr) continue;
        if (!devices.runs_on_cpu(static_cast<std::uint8_t>(id), algorithm)) continue;
        const auto device = static_cast<std::uint8_t>(id);
        for (const std::size_t size : frame_sizes) {
            Packets packets(pool, size);
            const Cost raw{cipher_cycles(devices, device, algorithm, Direction::outbound, size),
                           cipher_cycles(devices, device, algorithm, Direction::inbound, size)};
            const Cost whole = session_cost(devices, device, algorithm, packets);
            std::printf("| %s | %s | %zu | %.0f | %.0f | %.2f | %.0f | %.0f | %.2f |\n", name,
                        std::string(to_string(algorithm)).c_str(), size, raw.protect, whole.protect,
                        raw.protect / whole.protect, raw.unprotect, whole.unprotect,
                        raw.unprotect / whole.unprotect);
        }
    }
}

} // namespace

int main() {
    try {
        testing::start_eal();
        const auto devices = CryptoDevices::open({.workers = 1, .sessions = 64});
        if (!devices) throw std::runtime_error(devices.error().message());
        rte_mempool* const pool = rte_pktmbuf_pool_create("bench", 255, 0, 0, 9600, SOCKET_ID_ANY);
        if (pool == nullptr) throw std::runtime_error("no memory for buffers");
        std::printf("| device | algorithm | frame | cipher out | protect | ratio | cipher in | "
                    "unprotect | ratio |\n|---|---|---|---|---|---|---|---|---|\n");
        for (const Algorithm algorithm :
             {Algorithm::aes_128_gcm, Algorithm::aes_256_gcm, Algorithm::chacha20_poly1305,
              Algorithm::aes_128_cbc_sha256})
            measure(**devices, pool, algorithm);
        rte_mempool_free(pool);
    } catch (const std::exception& error) {
        std::cerr << "ipsec_bench: " << error.what() << "\n";
        return 1;
    }
    return 0;
}
