// SPDX-License-Identifier: BSD-3-Clause
// The lookaside engine, on the queue pairs of the Multi-Buffer library's devices: the same packets
// as on the CPU.
#include "ipsec/lookaside_engine.h"
#include "lab.h"

namespace sallyport::testing {

namespace {

using LookasideTest = IpsecTest;

std::unique_ptr<SaSession> lookaside(const SaOptions& options, Direction direction) {
    SaSettings settings = sa_settings(options, direction);
    const auto device = crypto().lookaside_device(options.algorithm, true);
    if (!device) throw std::runtime_error(device.error().message());
    const OutboundHeaders headers(settings, scratch_of(info(settings.algorithm)));
    auto engine = make_lookaside_engine(settings, crypto(), *device, 0, &headers);
    if (!engine) throw std::runtime_error(engine.error().message());
    return std::make_unique<SaSession>(std::move(settings), std::move(*engine));
}

TEST_F(LookasideTest, MakesAndTakesTheSameAsTheCpu) {
    for (const SaOptions& shape : all_shapes()) {
        SCOPED_TRACE(shape.name());
        const IpFamily family = shape.mode == Mode::tunnel ? shape.inner : shape.outer;
        std::vector<Octets> frames;
        for (std::size_t size = 64; size < 64 + 33; ++size)
            frames.push_back(clear_frame(family, size * 3));
        const Outcome here = run(*session(shape, Direction::outbound), frames);
        const Outcome there = run(*lookaside(shape, Direction::outbound), frames);
        ASSERT_EQ(here.good.size(), frames.size());
        EXPECT_EQ(there.good, here.good);
        const auto inbound = lookaside(shape, Direction::inbound);
        std::vector<Octets> damaged = here.good;
        damaged[5].back() ^= 1;
        const Outcome received = run(*inbound, damaged);
        EXPECT_EQ(received.faults, (Faults{{"bad-icv", 1}}));
        EXPECT_EQ(received.good.size(), frames.size() - 1);
        const Outcome again = run(*inbound, here.good);
        EXPECT_EQ(again.faults, (Faults{{"replayed", 32}}));
        EXPECT_EQ(again.good, (std::vector<Octets>{frames[5]}));
    }
}

TEST_F(LookasideTest, NothingButHardwareUnlessItIsDemanded) {
    const auto device = crypto().lookaside_device(Algorithm::aes_128_gcm, false);
    ASSERT_FALSE(device);
    EXPECT_NE(device.error().message().find("--vdev crypto_openssl"), std::string::npos);
}

} // namespace

} // namespace sallyport::testing
