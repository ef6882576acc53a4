// SPDX-License-Identifier: BSD-3-Clause
// Asks the card for what is not simulated, as the driver would: a library with a driver's name is
// taken for it. unknown_test.py calls one of these functions in a process of its own.
#include "../fields.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <infiniband/mlx5dv.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace mlx5sim;

#define ASKED extern "C" [[gnu::visibility("default")]]

namespace {

using Words = std::array<std::uint8_t, 4096>;

ibv_context* open_card() {
    mlx5dv_context_attr attributes{};
    return mlx5dv_open_device(ibv_get_device_list(nullptr)[0], &attributes);
}

/// With its answer.
struct Asked {
    explicit Asked(unsigned opcode) { set(in.data(), command::opcode, opcode); }
    mlx5dv_devx_obj* create(ibv_context* card) {
        return mlx5dv_devx_obj_create(card, in.data(), in.size(), out.data(), out.size());
    }
    std::uint32_t number() const { return get32(out.data(), command::created_id); }
    Words in{}, out{};
};

/// Of the calls that may be the last thing of a function: whoever is called sees where it returns.
volatile int result = 0;

} // namespace

ASKED void ask_command(unsigned opcode) {
    Asked asked(opcode);
    result = mlx5dv_devx_general_cmd(open_card(), asked.in.data(), asked.in.size(),
                                     asked.out.data(), asked.out.size());
}

ASKED void make_object(unsigned opcode) {
    Asked(opcode).create(open_card());
    result = 0;
}

ASKED void make_general_object(unsigned type, unsigned entry_format) {
    constexpr unsigned create = 0xa00;
    Asked asked(create);
    set(asked.in.data(), general_object::type, type);
    set(asked.in.data(), rtc::ste_format_0, entry_format);
    asked.create(open_card());
    result = 0;
}

ASKED void enter_flow(unsigned action) {
    constexpr unsigned set_flow_table_entry = 0x936;
    Asked asked(set_flow_table_entry);
    set(asked.in.data(), flow_entry::action, action);
    asked.create(open_card());
    result = 0;
}

ASKED void send_netlink(int protocol, int type) {
    struct {
        nlmsghdr header;
        std::array<std::uint8_t, 64> body;
    } message{};
    message.header.nlmsg_len = sizeof message;
    message.header.nlmsg_type = static_cast<std::uint16_t>(type);
    iovec part{&message, sizeof message};
    msghdr all{};
    all.msg_iov = &part;
    all.msg_iovlen = 1;
    const int socket = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    result = static_cast<int>(sendmsg(socket, &all, 0));
}

ASKED void control_interface(unsigned long request) {
    ifreq asked{};
    std::strncpy(asked.ifr_name, "simp0", sizeof asked.ifr_name - 1);
    result = ioctl(0, request, &asked);
}

ASKED void call_function() {
    mlx5dv_pp_alloc(nullptr, 0, nullptr, 0);
    result = 0;
}

/// A send queue with one request, on its doorbell. Waits for what becomes of it.
ASKED void post_request(unsigned operation) {
    constexpr unsigned create_cq = 0x400, create_sq = 0x904, modify_sq = 0x905;
    constexpr std::size_t page = 4096, ring_at = 1024, doorbell_at = 3072;
    constexpr unsigned log_entries = 4, log_unit = 6, ready = 1;
    auto* const memory = static_cast<std::uint8_t*>(std::aligned_alloc(page, page));
    std::memset(memory, 0, page);
    ibv_context* const card = open_card();
    const std::uint32_t umem = mlx5dv_devx_umem_reg(card, memory, page, 0)->umem_id;
    Asked completions(create_cq);
    set(completions.in.data(), completion_queue::log_size, log_entries);
    set(completions.in.data(), completion_queue::buffer_umem, umem);
    set(completions.in.data(), completion_queue::doorbell_umem, umem);
    set(completions.in.data(), completion_queue::doorbell_offset, doorbell_at + 8);
    completions.create(card);
    Asked requests(create_sq);
    const auto set_work = [&](Field field, std::uint64_t value) {
        set(requests.in.data(), field.in(send_queue::work), value);
    };
    set(requests.in.data(), send_queue::cqn, completions.number());
    set_work(work_queue::log_size, log_entries);
    set_work(work_queue::log_stride, log_unit);
    set_work(work_queue::buffer_umem, umem);
    set_work(work_queue::buffer_offset, ring_at);
    set_work(work_queue::doorbell_umem, umem);
    set_work(work_queue::doorbell_offset, doorbell_at);
    mlx5dv_devx_obj* const queue = requests.create(card);
    Asked change(modify_sq);
    set(change.in.data(), send_queue::state, ready);
    mlx5dv_devx_obj_modify(queue, change.in.data(), change.in.size(), change.out.data(),
                           change.out.size());
    store32(memory + ring_at, operation);
    store32(memory + ring_at + 4, 1);
    store32(memory + doorbell_at + 4, 1);
    sleep(60);
}

ASKED void leave_objects() {
    ibv_alloc_pd(open_card());
    result = 0;
}
