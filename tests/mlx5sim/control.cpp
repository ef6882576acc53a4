// SPDX-License-Identifier: BSD-3-Clause
#include "control.h"

#include "device.h"
#include "netdev.h"
#include "objects.h"
#include "report.h"
#include "topology.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace mlx5sim {

namespace {

constexpr unsigned always = std::numeric_limits<unsigned>::max();
unsigned entries_to_fail = 0;

/// "link p0 down"
void set_link(std::istringstream& words) {
    std::string name, state;
    words >> name >> state;
    for (const Port& port : topology()->ports)
        if (port.phys_port_name == name && (state == "up" || state == "down"))
            return netdevs().set_carrier(port, state == "up");
    refuse("control: 'link %s %s': expected a port, and up or down", name.c_str(), state.c_str());
}

/// "fail-entries 2", "fail-entries always", "fail-entries 0"
void set_failures(std::istringstream& words) {
    std::string count;
    words >> count;
    const std::lock_guard guard(card_lock());
    entries_to_fail = count == "always"
                          ? always
                          : static_cast<unsigned>(std::strtoul(count.c_str(), nullptr, 10));
}

void execute(const std::string& command) {
    trace("control: %s", command.c_str());
    std::istringstream words(command);
    std::string verb;
    words >> verb;
    if (verb == "link") return set_link(words);
    if (verb == "fail-entries") return set_failures(words);
    if (verb == "remove-device") return announce_removal();
    refuse("control: '%s' is not a command", command.c_str());
}

void listen_on(int socket) {
    std::array<char, 256> command{};
    for (;;) {
        const ssize_t size = ::recv(socket, command.data(), command.size(), 0);
        if (size < 0 && errno != EINTR) return;
        if (size > 0) execute({command.data(), static_cast<std::size_t>(size)});
    }
}

} // namespace

void start_control() {
    const char* const path = std::getenv("MLX5SIM_CONTROL");
    if (path == nullptr) return;
    static std::once_flag once;
    std::call_once(once, [path] {
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
    });
}

bool draw_entry_failure() {
    if (entries_to_fail == 0) return false;
    if (entries_to_fail != always) --entries_to_fail;
    return true;
}

} // namespace mlx5sim
