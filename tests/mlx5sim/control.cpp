// SPDX-License-Identifier: BSD-3-Clause
#include "control.h"

#include "device.h"
#include "devx.h"
#include "eswitch.h"
#include "faults.h"
#include "netdev.h"
#include "objects.h"
#include "report.h"
#include "topology.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace mlx5sim {

namespace {

/// Of a command, behind the verb.
using Words = std::vector<std::string>;
std::optional<unsigned> number_in(const std::string& word) {
    unsigned number = 0;
    const char* const end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, number);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return number;
}

/// How many, and from which on: "2", "always", "1 at 5"
struct Extent {
    unsigned count = 0;
    unsigned nth = 1;
};

std::optional<Extent> extent_in(const Words& words, std::size_t at) {
    if (at >= words.size()) return std::nullopt;
    const auto count = words[at] == "always" ? Fault::always : number_in(words[at]);
    if (!count) return std::nullopt;
    if (words.size() == at + 1) return Extent{*count};
    if (words.size() != at + 3 || words[at + 1] != "at") return std::nullopt;
    const auto nth = number_in(words[at + 2]);
    if (!nth || *nth == 0) return std::nullopt;
    return Extent{*count, *nth};
}

const Port* port_named(const std::string& name) {
    const auto& ports = topology()->ports;
    const auto found = std::ranges::find(ports, name, &Port::phys_port_name);
    return found == ports.end() ? nullptr : &*found;
}

// A card's own tells of it by both ways at once.
Answer set_link(const Words& words) {
    const bool one_way = words.size() == 4 && words[2] == "by";
    const std::string way = one_way ? words[3] : "";
    const bool known_way = words.size() == 2 || way == "netdev" || way == "rdma";
    const Port* const port = known_way ? port_named(words[0]) : nullptr;
    if (port == nullptr || (words[1] != "up" && words[1] != "down"))
        return "expected a port, up or down, and perhaps 'by' and netdev or rdma";
    const bool up = words[1] == "up";
    if (way != "rdma") netdevs().set_carrier(*port, up);
    if (way != "netdev") announce_port(*port, up);
    return {};
}

Answer fail_entries(const Words& words) {
    const auto extent = extent_in(words, 0);
    if (!extent) return "expected a number or always, and perhaps 'at' and which";
    const std::lock_guard guard(card_lock());
    faults().entries.order(extent->count, extent->nth);
    return {};
}

// A name may be of two words.
Answer refuse_command(const Words& words) {
    std::string name;
    std::size_t at = 0;
    while (at < words.size() && words[at] != "always" && !number_in(words[at]))
        name += (name.empty() ? "" : " ") + words[at++];
    if (!is_command(name)) return "'" + name + "' is no command of the firmware that is simulated";
    const auto extent = extent_in(words, at);
    if (!extent) return "expected a number or always, and perhaps 'at' and which";
    const std::lock_guard guard(card_lock());
    order_refusal(name, extent->count, extent->nth);
    return {};
}

Answer set_completions(const Words& words) {
    const std::lock_guard guard(card_lock());
    if (words == Words{"normal"}) {
        faults().completion_delay = Faults{}.completion_delay;
        faults().completions_at_once = Faults{}.completions_at_once;
        return {};
    }
    const auto number = words.size() == 2 ? number_in(words[1]) : std::nullopt;
    if (number && words[0] == "late")
        faults().completion_delay = std::chrono::milliseconds(*number);
    else if (number && *number > 0 && words[0] == "few")
        faults().completions_at_once = *number;
    else
        return "expected 'late' and milliseconds, 'few' and how many at once, or 'normal'";
    return {};
}

Answer hold_counters(const Words& words) {
    if (words != Words{"on"} && words != Words{"off"}) return "expected on or off";
    const std::lock_guard guard(card_lock());
    faults().counters_held = words[0] == "on";
    return {};
}

Answer break_queue(const Words& words) {
    const std::lock_guard guard(card_lock());
    if (words.empty() || words == Words{"table"})
        faults().table_queues.order(1);
    else if (words == Words{"send"})
        faults().send_queues.order(1);
    else if (words == Words{"receive"})
        faults().receive_queues.order(1);
    else
        return "expected 'table', 'send', 'receive' or nothing, which is the first";
    return {};
}

Answer remove(const Words& words) {
    if (!words.empty()) return "expected nothing more";
    remove_device();
    return {};
}

std::optional<std::vector<std::uint8_t>> octets_in(const std::string& digits) {
    if (digits.size() % 2 != 0) return std::nullopt;
    std::vector<std::uint8_t> octets(digits.size() / 2);
    for (std::size_t i = 0; i < octets.size(); ++i) {
        const char* const start = digits.data() + 2 * i;
        const auto [stop, error] = std::from_chars(start, start + 2, octets[i], 16);
        if (error != std::errc{} || stop != start + 2) return std::nullopt;
    }
    return octets;
}

std::chrono::nanoseconds processor_time() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// In parts, so that what else is asked of the card has its turn.
Answer measure(const Words& words) {
    constexpr unsigned part = 256;
    const Port* const port = words.size() == 3 ? port_named(words[0]) : nullptr;
    const auto count = port != nullptr ? number_in(words[1]) : std::nullopt;
    const auto frame = count ? octets_in(words[2]) : std::nullopt;
    if (!frame || *count == 0)
        return "expected a port, how often, and a frame in hexadecimal digits";
    const auto begin = processor_time();
    for (unsigned done = 0; done < *count; done += part) {
        const std::lock_guard guard(card_lock());
        for (unsigned i = done; i < std::min(*count, done + part); ++i)
            enter_from_outside(*port, *frame);
    }
    return Answer::telling(std::to_string((processor_time() - begin).count() / *count) + " ns");
}

using Verb = Answer (*)(const Words&);

const std::map<std::string, Verb>& verbs() {
    static const auto* const table = new std::map<std::string, Verb>{
        {"link", set_link},
        {"measure", measure},
        {"fail-entries", fail_entries},
        {"refuse-command", refuse_command},
        {"completions", set_completions},
        {"hold-counters", hold_counters},
        {"break-queue", break_queue},
        {"remove-device", remove},
    };
    return *table;
}

void send_answer(int socket, const Answer& answer, const sockaddr_un& to, socklen_t size) {
    if (!answer.wrong.empty()) say("control: %s", answer.wrong.c_str());
    // A sender without an address of its own wants no answer.
    if (size <= offsetof(sockaddr_un, sun_path)) return;
    const std::string text = !answer.wrong.empty() ? "error: " + answer.wrong
                             : answer.told.empty() ? "ok"
                                                   : "ok: " + answer.told;
    ::sendto(socket, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&to), size);
}

void listen_on(int socket) {
    std::array<char, 4096> command{};
    for (;;) {
        sockaddr_un from{};
        socklen_t from_size = sizeof from;
        const ssize_t size = ::recvfrom(socket, command.data(), command.size(), 0,
                                        reinterpret_cast<sockaddr*>(&from), &from_size);
        if (size < 0 && errno != EINTR) return;
        if (size > 0)
            send_answer(socket, execute_command({command.data(), static_cast<std::size_t>(size)}),
                        from, from_size);
    }
}

void listen_at(const char* path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ::unlink(path);
    if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        refuse("control: cannot listen on %s: %s", path, std::strerror(errno));
    std::thread thread(listen_on, socket);
    pthread_setname_np(thread.native_handle(), "mlx5sim-control");
    thread.detach();
}

} // namespace

Answer execute_command(const std::string& command) {
    trace("control: %s", command.c_str());
    std::istringstream stream(command);
    std::string verb;
    stream >> verb;
    Words words;
    for (std::string word; stream >> word;)
        words.push_back(word);
    const auto found = verbs().find(verb);
    if (found == verbs().end()) return "'" + command + "' is not a command";
    Answer answer = found->second(words);
    if (!answer.wrong.empty()) answer.wrong = "'" + command + "': " + answer.wrong;
    return answer;
}

void start_control() {
    static std::once_flag once;
    std::call_once(once, [] {
        for (const std::string& fault : topology()->faults)
            if (const Answer answer = execute_command(fault); !answer.wrong.empty())
                refuse("the topology's fault %s", answer.wrong.c_str());
        if (const char* const path = std::getenv("MLX5SIM_CONTROL")) listen_at(path);
    });
}

} // namespace mlx5sim
