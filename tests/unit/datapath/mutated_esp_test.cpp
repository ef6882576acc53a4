// SPDX-License-Identifier: BSD-3-Clause
// ESP packets with something wrong, by the thousands: nothing comes out of them but what was sealed
// with the key, and every one of them is accounted for.
//
// SALLYPORT_MUTATED_ESP sets how many, over all shapes; SALLYPORT_MUTATED_ESP_SEED where the random
// sequence starts.
#include "ipsec/cpu_crypto.h"
#include "protection_fixture.h"

#include <algorithm>
#include <cstdlib>
#include <random>

namespace sallyport::testing {
namespace {

constexpr std::uint32_t spi = 0x2001;
constexpr std::size_t ethernet = 14;

unsigned long number_from(const char* variable, unsigned long otherwise) {
    const char* const text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoul(text, nullptr, 10);
}

struct Shape {
    IpFamily family = IpFamily::ipv4;
    ipsec::Mode mode = ipsec::Mode::transport;
    bool udp = false;
    ipsec::Algorithm algorithm = ipsec::Algorithm::aes_128_gcm;

    [[nodiscard]] std::size_t ip_header() const { return family == IpFamily::ipv4 ? 20 : 40; }
    /// Where ESP begins.
    [[nodiscard]] std::size_t esp() const { return ethernet + ip_header() + (udp ? 8 : 0); }
    [[nodiscard]] SaPlan plan(std::uint32_t number) const {
        return {.spi = number, .family = family, .algorithm = algorithm, .mode = mode, .udp = udp};
    }
};

std::string name_of(const ::testing::TestParamInfo<Shape>& tested) {
    const Shape& shape = tested.param;
    std::string text = shape.family == IpFamily::ipv4 ? "Ipv4" : "Ipv6";
    text += shape.mode == ipsec::Mode::tunnel ? "Tunnel" : "Transport";
    if (shape.udp) text += "Udp";
    return text + (ipsec::info(shape.algorithm).is_aead() ? "Gcm" : "Cbc");
}

std::vector<Shape> all_shapes() {
    std::vector<Shape> shapes;
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6})
        for (const auto mode : {ipsec::Mode::transport, ipsec::Mode::tunnel}) {
            for (const bool udp : {false, true})
                shapes.push_back({family, mode, udp});
            shapes.push_back({family, mode, false, ipsec::Algorithm::aes_128_cbc_sha256});
        }
    return shapes;
}

/// A packet on the wire, and what may come of it.
struct Packet {
    Octets frame;
    /// What was sealed in it with the key, unless its ESP is no longer what was sealed. A VM may be
    /// given a piece of this and nothing else.
    Octets sealed;
};

void put16(Octets& octets, std::size_t at, std::size_t value) {
    if (at + 2 > octets.size()) return;
    octets[at] = static_cast<std::uint8_t>(value >> 8);
    octets[at + 1] = static_cast<std::uint8_t>(value);
}

bool has(const Octets& whole, const Octets& part) {
    return !part.empty()
           && std::search(whole.begin(), whole.end(), part.begin(), part.end()) != whole.end();
}

/// Makes packets of one SA wrong.
class Mutator {
  public:
    Mutator(const Shape& shape, unsigned long seed)
        : shape_(shape), random_(seed),
          key_(settings_of(shape.plan(spi), Direction::outbound, false).key.clone()),
          xform_(shape.algorithm, Direction::outbound, key_, true, 0) {
        auto session = ipsec::CryptoSession::create(*test_crypto().cpu_device(shape.algorithm),
                                                    xform_.first(), test_crypto().session_pool());
        if (!session) throw std::runtime_error(session.error().message());
        session_ = std::move(*session);
    }

    std::size_t below(std::size_t bound) { return random_() % bound; }
    std::uint8_t octet() { return static_cast<std::uint8_t>(random_()); }

    /// @param protect the peer's end of the SA: VXLAN in clear to ESP
    template<class Protect>
    Packet next(Protect protect) {
        const Octets clear = clear_packet();
        const Octets whole = protect(clear);
        const bool is_hand_sealed = ipsec::info(shape_.algorithm).is_aead() && below(3) == 0;
        Packet packet = is_hand_sealed ? sealed_by_hand(clear, whole) : Packet{whole, clear};
        if (is_hand_sealed && below(4) != 0) return packet;
        const Octets esp(packet.frame.begin() + static_cast<long>(shape_.esp()),
                         packet.frame.end());
        for (std::size_t rounds = 1 + below(2); rounds > 0; --rounds)
            mutate(packet.frame);
        // ECN reaches inside, as RFC 6040 has it; that has tests of its own.
        if (has(packet.frame, esp))
            clear_ecn(packet.frame);
        else
            packet.sealed.clear();
        return packet;
    }

  private:
    /// No two packets have the same one: what arrives is of one of them.
    net::MacAddress next_source() {
        const std::uint32_t number = ++number_;
        net::MacAddress source{{0x06, 0}};
        for (std::size_t i = 0; i < 4; ++i)
            source.octets[2 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
        return source;
    }
    Octets clear_packet() {
        static constexpr std::array<std::size_t, 6> payloads{0, 1, 18, 26, 400, 1400};
        InnerFrame inner{.destination = below(8) == 0 ? broadcast_mac
                                        : below(4) == 0
                                            ? mac(77)
                                            : mac(static_cast<std::uint8_t>(1 + below(2))),
                         .source = next_source()};
        inner.payload = payloads[below(payloads.size())];
        if (below(2) == 0) {
            inner.source_ip = *net::IpAddress::parse("fd00::1");
            inner.destination_ip = *net::IpAddress::parse("fd00::2");
        }
        return make_vxlan(from_vtep(2, blue_vni, shape_.family), make_frame(inner));
    }

    /// The plaintext as RFC 4303 has it, but for something inside, sealed with the right key.
    Packet sealed_by_hand(const Octets& clear, const Octets& whole) {
        const bool tunnel = shape_.mode == ipsec::Mode::tunnel;
        const std::size_t front = ethernet + (tunnel ? 0 : shape_.ip_header());
        Octets plain(clear.begin() + static_cast<long>(front), clear.end());
        const bool breaks_trailer = below(2) == 0;
        if (!breaks_trailer) mutate_plain(plain);
        std::uint8_t next_header = 17;
        if (tunnel) next_header = shape_.family == IpFamily::ipv4 ? 4 : 41;
        std::size_t padding = (4 - (plain.size() + 2) % 4) % 4;
        if (breaks_trailer && below(4) == 0) padding = below(256);
        for (std::size_t i = 1; i <= padding; ++i)
            plain.push_back(static_cast<std::uint8_t>(i));
        plain.push_back(static_cast<std::uint8_t>(padding));
        plain.push_back(next_header);
        if (breaks_trailer) break_trailer(plain, padding);
        return {sealed(whole, plain), plain};
    }
    void break_trailer(Octets& plain, std::size_t padding) {
        switch (below(5)) {
        case 0: // says more padding than there may be packet
            plain[plain.size() - 2] = octet();
            return;
        case 1:
            plain.back() = octet();
            return;
        case 2: // RFC 4303 2.4: the receiver looks at the padding
            if (padding > 0) plain[plain.size() - 2 - padding + below(padding)] ^= 0x40;
            return;
        case 3: // nothing but a trailer, or less
            plain.erase(plain.begin(), plain.end() - static_cast<long>(1 + below(8)));
            return;
        default: // RFC 4303 2.6
            plain.back() = 59;
        }
    }
    void mutate_plain(Octets& plain) {
        // Headers of the tunnel, UDP, VXLAN and the frame.
        const std::size_t head = std::min<std::size_t>(plain.size(), 110);
        switch (below(5)) {
        case 0:
            plain[below(head)] ^= static_cast<std::uint8_t>(1U << below(8));
            return;
        case 1:
            plain[below(head)] = octet();
            return;
        case 2:
            put16(plain, below(head), below(2) == 0 ? below(65536) : plain.size() - below(40));
            return;
        case 3:
            plain.resize(below(plain.size()));
            return;
        default:
            plain.insert(plain.begin() + static_cast<long>(below(head)), 1 + below(40), octet());
        }
    }

    /// With the number and IV of @p whole. GCM alone.
    Octets sealed(const Octets& whole, const Octets& plain) {
        const std::size_t esp = shape_.esp();
        const ipsec::AlgorithmInfo& suite = ipsec::info(shape_.algorithm);
        Octets frame(whole.begin(), whole.begin() + static_cast<long>(esp + 8 + suite.iv));
        alignas(16) std::array<std::uint8_t, 16> nonce{};
        alignas(16) std::array<std::uint8_t, 16> aad{};
        const auto salt = key_.octets().subspan(suite.cipher_key, suite.salt);
        std::copy_n(&frame[esp + 8], suite.iv, std::copy(salt.begin(), salt.end(), nonce.begin()));
        nonce[15] = 1;
        // SPI, high half of the number, low half (RFC 4106 section 5).
        std::copy_n(&frame[esp], 4, aad.begin());
        std::copy_n(&frame[esp + 4], 4, aad.begin() + 8);
        Octets text = plain;
        alignas(16) std::array<std::uint8_t, 16> icv{};
        if (!ipsec::run_on_cpu(session_, {text, 0, nonce.data(), aad.data(), icv.data()}))
            throw std::runtime_error("cannot seal");
        frame.insert(frame.end(), text.begin(), text.end());
        frame.insert(frame.end(), icv.begin(), icv.begin() + suite.icv);
        fix_lengths(frame);
        return frame;
    }

    void fix_lengths(Octets& frame) const {
        const bool v4 = shape_.family == IpFamily::ipv4;
        put16(frame, v4 ? 16 : 18, frame.size() - ethernet - (v4 ? 0 : 40));
        if (shape_.udp) put16(frame, shape_.esp() - 4, frame.size() - shape_.esp() + 8);
        fix_checksum(frame);
    }
    void fix_checksum(Octets& frame) const {
        if (shape_.family == IpFamily::ipv4 && frame.size() >= ethernet + 20)
            fix_ipv4_checksum(frame);
    }
    void clear_ecn(Octets& frame) const {
        if (frame.size() < ethernet + 2) return;
        if (shape_.family == IpFamily::ipv4)
            frame[15] &= 0xfc;
        else
            frame[15] &= 0xcf;
        fix_checksum(frame);
    }

    void mutate(Octets& frame) {
        const std::size_t esp = shape_.esp();
        if (frame.size() < esp + 24) return;
        switch (below(11)) {
        case 0: // anywhere
            frame[below(frame.size())] ^= static_cast<std::uint8_t>(1U << below(8));
            return;
        case 1: // in ESP
            frame[esp + below(frame.size() - esp)] ^= static_cast<std::uint8_t>(1U << below(8));
            return;
        case 2: // at every length, one after the other
            frame.resize(1 + cut_++ % frame.size());
            if (below(2) == 0 && frame.size() >= esp) fix_lengths(frame);
            return;
        case 3: // SPI
            for (std::size_t i = below(4); i < 4; ++i)
                frame[esp + i] = octet();
            return;
        case 4: // number
            put16(frame, esp + 4 + 2 * below(2), below(65536));
            return;
        case 5: // lengths of IP and UDP
            put16(frame,
                  shape_.udp && below(2) == 0       ? esp - 4
                  : shape_.family == IpFamily::ipv4 ? 16
                                                    : 18,
                  below(2) == 0 ? below(65536) : frame.size() - below(100));
            return fix_checksum(frame);
        case 6: // IP and UDP header
            frame[ethernet + below(esp - ethernet)] = octet();
            if (below(4) != 0) fix_checksum(frame);
            return;
        case 7: // more octets behind, as Ethernet pads
            frame.insert(frame.end(), 1 + below(200), octet());
            if (below(2) == 0) fix_lengths(frame);
            return;
        case 8: // octets too many or too few in the middle
            if (below(2) == 0)
                frame.insert(frame.begin() + static_cast<long>(below(frame.size())), 1 + below(20),
                             octet());
            else
                frame.erase(frame.begin() + static_cast<long>(esp),
                            frame.begin() + static_cast<long>(esp + 1 + below(20)));
            if (below(2) == 0) fix_lengths(frame);
            return;
        case 9: // noise from somewhere on
            for (std::size_t i = ethernet + below(frame.size() - ethernet); i < frame.size(); ++i)
                frame[i] = octet();
            return;
        default: // the other kind: in UDP or not, and IKE's mark where the SPI would be
            if (below(2) == 0)
                std::fill_n(frame.begin() + static_cast<long>(esp), 4, std::uint8_t{0});
            frame[shape_.family == IpFamily::ipv4 ? 23 : 20] = shape_.udp ? 50 : 17;
            fix_checksum(frame);
        }
    }

    static constexpr std::uint32_t blue_vni = 100;
    Shape shape_;
    std::mt19937_64 random_;
    ipsec::Secret key_;
    ipsec::Xform xform_;
    ipsec::CryptoSession session_;
    std::uint32_t number_ = 0;
    std::size_t cut_ = 0;
};

class MutatedEspTest : public ProtectionTest, public ::testing::WithParamInterface<Shape> {
  protected:
    MutatedEspTest() {
        rebuild(Hypervisor::small_settings(), GetParam().family);
        begin();
        take_by(GetParam().plan(spi), vtep2);
        // Another SA's packets are no less strange under this one's number.
        take_by(GetParam().plan(spi + 1), vtep3);
        peer_ = session_of(GetParam().plan(spi), Direction::outbound, false);
    }

    Octets protect(const Octets& clear) { return through(*peer_, clear); }

    /// Sends them at once, and accounts for each of them.
    void account(std::vector<Packet> packets) {
        const std::uint64_t dropped_before = dropped();
        for (const Packet& packet : packets)
            uplink().send(packet.frame);
        run();
        std::set<std::size_t> ended;
        for (const auto& [port, frames] : sent()) {
            // Only what is flooded goes to both VMs.
            std::set<std::size_t> used;
            for (const Octets& frame : frames) {
                const auto whose = [&, &port = port, &frame = frame](const Packet& packet) {
                    const auto index = static_cast<std::size_t>(&packet - packets.data());
                    return !used.contains(index)
                           && (port == "host" ? packet.frame == frame : has(packet.sealed, frame));
                };
                ASSERT_TRUE(port == "a" || port == "b" || port == "host") << port;
                const auto found = std::find_if(packets.begin(), packets.end(), whose);
                ASSERT_NE(found, packets.end()) << port << " got what nobody sealed";
                used.insert(static_cast<std::size_t>(found - packets.begin()));
                (port == "host" ? to_host_ : delivered_) += 1;
            }
            ended.merge(used);
        }
        ASSERT_EQ(ended.size() + dropped() - dropped_before, packets.size());
        sent_ += packets.size();
    }
    std::uint64_t dropped() {
        std::uint64_t sum = 0;
        for (const auto count : path().drops())
            sum += count;
        return sum;
    }

    std::shared_ptr<ipsec::SaSession> peer_;
    std::uint64_t sent_ = 0;
    std::uint64_t delivered_ = 0;
    std::uint64_t to_host_ = 0;
};

TEST_P(MutatedEspTest, NothingOfThemIsDeliveredAndAllAreCounted) {
    const std::size_t count = number_from("SALLYPORT_MUTATED_ESP", 20'000) / all_shapes().size();
    Mutator mutator(GetParam(), number_from("SALLYPORT_MUTATED_ESP_SEED", 1));
    const auto protect = [this](const Octets& clear) { return this->protect(clear); };
    while (sent_ < count && !HasFatalFailure()) {
        std::vector<Packet> packets;
        for (std::size_t many = 1 + mutator.below(32); many > 0; --many) {
            packets.push_back(mutator.next(protect));
            // Word for word again: the one or the other is a replay.
            if (mutator.below(16) == 0) packets.push_back({packets.back().frame, {}});
        }
        account(std::move(packets));
    }
    const Drops seen = drops();
    std::vector<DropReason> provoked{DropReason::unknown_spi, DropReason::bad_icv,
                                     DropReason::replayed, DropReason::malformed};
    if (ipsec::info(GetParam().algorithm).is_aead())
        provoked.insert(provoked.end(), {DropReason::selector_mismatch, DropReason::bad_padding,
                                         DropReason::dummy});
    for (const DropReason reason : provoked)
        EXPECT_GT(seen.count(std::string(name(reason))), 0U) << name(reason);
    EXPECT_GT(delivered_, 0U) << "those with nothing wrong that counts";
    for (const DropReason reason : {DropReason::engine_failure, DropReason::no_buffer,
                                    DropReason::transmit_full, DropReason::unsuitable_buffer})
        EXPECT_EQ(seen.count(std::string(name(reason))), 0U) << name(reason);
    // The SA is none the worse.
    send(uplink(), protect(make_vxlan(from_vtep(2, vni, GetParam().family), frame(9, 1))));
    EXPECT_EQ(sent(), (FramesByPort{{"a", {frame(9, 1)}}}));
    std::printf("%zu sent, %zu copies delivered, %zu to Linux, dropped: %s\n", sent_, delivered_,
                to_host_, ::testing::PrintToString(seen).c_str());
}

INSTANTIATE_TEST_SUITE_P(Shapes, MutatedEspTest, ::testing::ValuesIn(all_shapes()), name_of);

} // namespace
} // namespace sallyport::testing
