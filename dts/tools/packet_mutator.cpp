// SPDX-License-Identifier: BSD-3-Clause
// Sends mutated frames: takes valid ones as hexadecimal lines on standard input, breaks each in a
// random way, and sends it as it is by a packet socket. Prints one line of JSON when it is done.
// The same seed gives the same frames in the same order.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/program_options.hpp>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Frame = std::vector<std::uint8_t>;
using Clock = std::chrono::steady_clock;

constexpr std::size_t ethernet_header = 14;
constexpr std::size_t batch_size = 32;

struct Options {
    std::string interface;
    std::uint64_t count = 0;
    std::uint64_t seed = 0;
    std::uint64_t per_second = 0;
    /// Octets at the front that stay whole in most frames, so that mutations reach deeper.
    std::size_t spare = 0;
};

std::optional<Options> parse(int argc, char** argv) {
    namespace po = boost::program_options;
    Options options;
    po::options_description description("packet_mutator: valid frames in, mutated frames out");
    auto add = description.add_options();
    add("help", "this text");
    add("interface", po::value(&options.interface)->required(), "interface to send by");
    add("count", po::value(&options.count)->required(), "frames to send");
    add("seed", po::value(&options.seed)->default_value(1), "start of the random sequence");
    add("rate", po::value(&options.per_second)->default_value(50000), "frames per second");
    add("spare", po::value(&options.spare)->default_value(12),
        "octets at the front left alone in seven of eight frames");
    try {
        po::variables_map values;
        po::store(po::parse_command_line(argc, argv, description), values);
        if (values.count("help") != 0) {
            std::cout << description;
            std::exit(0);
        }
        po::notify(values);
    } catch (const po::error& error) {
        std::cerr << "packet_mutator: " << error.what() << '\n' << description;
        return std::nullopt;
    }
    return options;
}

std::optional<Frame> from_hex(std::string_view text) {
    auto digit = [](char c) -> int {
        if (c >= '0' && c <= '9') return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    Frame frame;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        int high = digit(text[i]), low = digit(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        frame.push_back(static_cast<std::uint8_t>(high << 4 | low));
    }
    if (text.size() % 2 != 0 || frame.size() < ethernet_header) return std::nullopt;
    return frame;
}

class Mutator {
  public:
    Mutator(std::vector<Frame> seeds, std::uint64_t seed, std::size_t spare, std::size_t longest)
        : seeds_(std::move(seeds)), random_(seed), spare_(spare), longest_(longest) {}

    Frame next() {
        Frame frame = seeds_[below(seeds_.size())];
        first_ = below(8) == 0 ? 0 : std::min(spare_, frame.size() - 1);
        for (std::size_t rounds = 1 + below(3); rounds > 0; --rounds)
            mutate(frame);
        frame.resize(std::clamp(frame.size(), ethernet_header, longest_));
        return frame;
    }

  private:
    std::size_t below(std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
    }
    std::uint8_t octet() { return static_cast<std::uint8_t>(below(256)); }
    std::size_t place(const Frame& frame) {
        return first_ < frame.size() ? first_ + below(frame.size() - first_) : frame.size() - 1;
    }
    /// Headers are where decisions are made: most mutations fall there.
    std::size_t header_place(const Frame& frame) {
        std::size_t end = std::min<std::size_t>(frame.size(), first_ + 100);
        return first_ < end ? first_ + below(end - first_) : frame.size() - 1;
    }

    void flip_bit(Frame& frame) {
        frame[header_place(frame)] ^= static_cast<std::uint8_t>(1U << below(8));
    }
    void set_octet(Frame& frame) {
        static constexpr std::array<std::uint8_t, 8> telling{0,    1,    0x3f, 0x40,
                                                             0x7f, 0x80, 0xfe, 0xff};
        frame[header_place(frame)] = below(2) == 0 ? octet() : telling[below(telling.size())];
    }
    /// Sixteen bits that a length or a type might be.
    void set_word(Frame& frame) {
        static constexpr std::array<std::uint16_t, 12> telling{
            0, 1, 7, 8, 19, 20, 0x800, 0x86dd, 0x8100, 0x0806, 0x7fff, 0xffff};
        std::size_t at = header_place(frame);
        if (at + 1 >= frame.size()) return;
        std::uint16_t value = below(2) == 0
                                  ? telling[below(telling.size())]
                                  : static_cast<std::uint16_t>(frame.size() - at - below(3));
        frame[at] = static_cast<std::uint8_t>(value >> 8);
        frame[at + 1] = static_cast<std::uint8_t>(value);
    }
    void cut(Frame& frame) {
        std::size_t least = std::max(ethernet_header, std::min(first_, frame.size()));
        frame.resize(least + below(frame.size() - least + 1));
    }
    void grow(Frame& frame) {
        for (std::size_t more = 1 + below(200); more > 0; --more)
            frame.push_back(octet());
    }
    void drop_octets(Frame& frame) {
        std::size_t at = place(frame);
        std::size_t many = std::min<std::size_t>(1 + below(20), frame.size() - at);
        frame.erase(frame.begin() + static_cast<std::ptrdiff_t>(at),
                    frame.begin() + static_cast<std::ptrdiff_t>(at + many));
        if (frame.size() < ethernet_header) frame.resize(ethernet_header);
    }
    void insert_octets(Frame& frame) {
        Frame more(1 + below(20));
        std::generate(more.begin(), more.end(), [this] { return octet(); });
        frame.insert(frame.begin() + static_cast<std::ptrdiff_t>(place(frame)), more.begin(),
                     more.end());
    }
    void splice(Frame& frame) {
        const Frame& other = seeds_[below(seeds_.size())];
        std::size_t at = place(frame);
        frame.resize(std::max(at, ethernet_header));
        frame.insert(frame.end(), other.begin() + static_cast<std::ptrdiff_t>(below(other.size())),
                     other.end());
    }
    void noise(Frame& frame) {
        for (std::size_t i = place(frame); i < frame.size(); ++i)
            frame[i] = octet();
    }

    void mutate(Frame& frame) {
        switch (below(12)) {
        case 0:
        case 1:
            return flip_bit(frame);
        case 2:
        case 3:
            return set_octet(frame);
        case 4:
        case 5:
            return set_word(frame);
        case 6:
            return cut(frame);
        case 7:
            return grow(frame);
        case 8:
            return drop_octets(frame);
        case 9:
            return insert_octets(frame);
        case 10:
            return splice(frame);
        default:
            return noise(frame);
        }
    }

    std::vector<Frame> seeds_;
    std::mt19937_64 random_;
    std::size_t spare_;
    std::size_t longest_;
    std::size_t first_ = 0;
};

class PacketSocket {
  public:
    explicit PacketSocket(const std::string& interface)
        : descriptor_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
        unsigned index = if_nametoindex(interface.c_str());
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_ifindex = static_cast<int>(index);
        address.sll_protocol = 0;
        if (descriptor_ < 0 || index == 0
            || bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            return;
        ifreq request{};
        std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
        if (ioctl(descriptor_, SIOCGIFMTU, &request) == 0)
            longest_ = static_cast<std::size_t>(request.ifr_mtu) + ethernet_header;
    }
    ~PacketSocket() {
        if (descriptor_ >= 0) close(descriptor_);
    }
    PacketSocket(const PacketSocket&) = delete;
    PacketSocket& operator=(const PacketSocket&) = delete;

    /// Longest frame that goes out; 0: the socket could not be opened, see errno.
    [[nodiscard]] std::size_t longest() const { return longest_; }

    /// All of them, waiting while the interface is busy. Returns how many went out.
    std::size_t send(std::vector<Frame>& frames) const {
        std::array<iovec, batch_size> parts{};
        std::array<mmsghdr, batch_size> messages{};
        for (std::size_t i = 0; i < frames.size(); ++i) {
            parts[i] = {frames[i].data(), frames[i].size()};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        std::size_t done = 0;
        while (done < frames.size()) {
            int sent = sendmmsg(descriptor_, &messages[done],
                                static_cast<unsigned>(frames.size() - done), 0);
            if (sent > 0)
                done += static_cast<std::size_t>(sent);
            else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
                break;
        }
        return done;
    }

  private:
    int descriptor_;
    std::size_t longest_ = 0;
};

std::optional<std::vector<Frame>> read_seeds(std::istream& input) {
    std::vector<Frame> seeds;
    for (std::string line; std::getline(input, line);) {
        auto frame = from_hex(line);
        if (!frame) {
            std::cerr << "packet_mutator: not a frame in lower-case hexadecimal: " << line << '\n';
            return std::nullopt;
        }
        seeds.push_back(std::move(*frame));
    }
    if (seeds.empty()) std::cerr << "packet_mutator: no frames on standard input\n";
    return seeds.empty() ? std::nullopt : std::optional(std::move(seeds));
}

} // namespace

int main(int argc, char** argv) {
    auto options = parse(argc, argv);
    if (!options || options->per_second == 0) return 2;
    auto seeds = read_seeds(std::cin);
    if (!seeds) return 2;
    PacketSocket socket(options->interface);
    if (socket.longest() == 0) {
        std::cerr << "packet_mutator: " << options->interface << ": " << std::strerror(errno)
                  << '\n';
        return 1;
    }
    Mutator mutator(std::move(*seeds), options->seed, options->spare, socket.longest());
    std::uint64_t sent = 0, octets = 0;
    auto start = Clock::now();
    while (sent < options->count) {
        std::vector<Frame> batch;
        while (batch.size() < batch_size && sent + batch.size() < options->count) {
            batch.push_back(mutator.next());
            octets += batch.back().size();
        }
        if (socket.send(batch) != batch.size()) {
            std::cerr << "packet_mutator: sending failed: " << std::strerror(errno) << '\n';
            return 1;
        }
        sent += batch.size();
        std::this_thread::sleep_until(
            start + std::chrono::nanoseconds(sent * 1'000'000'000 / options->per_second));
    }
    double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    std::printf("{\"sent\": %llu, \"octets\": %llu, \"seconds\": %.3f}\n",
                static_cast<unsigned long long>(sent), static_cast<unsigned long long>(octets),
                seconds);
    return 0;
}
