// SPDX-License-Identifier: BSD-3-Clause
// Opening, closing and asking the device: libibverbs' functions, and those that its inline ones
// find in the context's table.
#include "device.h"

#include "control.h"
#include "engine.h"
#include "export.h"
#include "faults.h"
#include "netdev.h"
#include "queues.h"
#include "topology.h"
#include "verbs_objects.h"
#include "world.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include <fcntl.h>
#include <infiniband/mlx5dv.h>
#include <sys/eventfd.h>
#include <unistd.h>

// libibverbs puts macros before these.
#undef ibv_query_port

namespace mlx5sim {

namespace {

std::set<Context*>& contexts() {
    static auto* const instance = new std::set<Context*>;
    return *instance;
}

template<std::size_t Size>
void copy_text(char (&to)[Size], const std::string& from) {
    std::strncpy(to, from.c_str(), Size - 1);
}

int query_port(ibv_context*, std::uint8_t number, ibv_port_attr* attributes, std::size_t size) {
    std::memset(attributes, 0, size);
    const Port* const port = topology()->find_number(number);
    if (port == nullptr) return EINVAL;
    attributes->state = netdevs().state(*port).rdma_active ? IBV_PORT_ACTIVE : IBV_PORT_DOWN;
    attributes->max_mtu = attributes->active_mtu = IBV_MTU_4096;
    attributes->link_layer = IBV_LINK_LAYER_ETHERNET;
    return 0;
}

void fill(ibv_device_attr& attributes) {
    copy_text(attributes.fw_ver, topology()->capabilities.firmware);
    attributes.vendor_id = 0x02c9;
    attributes.vendor_part_id = 0x101d;
    attributes.max_qp = 1 << 18;
    attributes.max_qp_wr = 1 << 15;
    attributes.max_sge = 30;
    attributes.max_cq = 1 << 24;
    attributes.max_cqe = (1 << 22) - 1;
    attributes.max_mr = 1 << 24;
    attributes.max_pd = 1 << 23;
    attributes.phys_port_cnt = static_cast<std::uint8_t>(topology()->ports.size());
}

int query_device_ex(ibv_context*, const ibv_query_device_ex_input*, ibv_device_attr_ex* attributes,
                    std::size_t size) {
    std::memset(attributes, 0, size);
    fill(attributes->orig_attr);
    attributes->device_cap_flags_ex = IBV_DEVICE_RAW_IP_CSUM;
    attributes->raw_packet_caps = IBV_RAW_PACKET_CAP_CVLAN_STRIPPING | IBV_RAW_PACKET_CAP_IP_CSUM;
    attributes->tso_caps.max_tso = 1 << 18;
    attributes->tso_caps.supported_qpts = 1 << IBV_QPT_RAW_PACKET;
    attributes->rss_caps.max_rwq_indirection_table_size = 1 << 11;
    attributes->max_wq_type_rq = 1 << 18;
    return 0;
}

int query_clock(ibv_context*, ibv_values_ex* values) {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    values->raw_clock.tv_sec = 0;
    values->raw_clock.tv_nsec = now.tv_sec * 1'000'000'000L + now.tv_nsec;
    return 0;
}

} // namespace

ibv_device* the_device() {
    static ibv_device* const device = [] {
        auto* const made = new ibv_device{};
        made->node_type = IBV_NODE_CA;
        made->transport_type = IBV_TRANSPORT_IB;
        copy_text(made->name, topology()->rdma);
        copy_text(made->dev_name, "uverbs0");
        copy_text(made->dev_path, "/sys/class/infiniband_verbs/uverbs0");
        copy_text(made->ibdev_path, "/sys/class/infiniband/" + topology()->rdma);
        return made;
    }();
    return device;
}

Context::Context() : Counted("context") {
    table_.sz = sizeof table_;
    table_.query_port = query_port;
    table_.query_device_ex = query_device_ex;
    table_.query_rt_values = query_clock;
    add_inline_verbs(table_);
    ibv_context& context = table_.context;
    context.device = the_device();
    context.cmd_fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    context.async_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    context.num_comp_vectors = 1;
    pthread_mutex_init(&context.mutex, nullptr);
    // What libibverbs calls __VERBS_ABI_IS_EXTENDED: the table before the context is there.
    context.abi_compat = reinterpret_cast<void*>(~std::uintptr_t{0});
    const std::lock_guard guard(card_lock());
    contexts().insert(this);
}

Context::~Context() {
    const std::lock_guard guard(card_lock());
    contexts().erase(this);
    ::close(table_.context.cmd_fd);
    ::close(table_.context.async_fd);
}

Context& Context::of(ibv_context* context) {
    const std::lock_guard guard(card_lock());
    const auto found = std::find_if(contexts().begin(), contexts().end(),
                                    [&](Context* one) { return one->verbs() == context; });
    if (found == contexts().end()) refuse("a device is closed that was not open");
    return **found;
}

void Context::tell(const ibv_async_event& event) {
    events_.push_back(event);
    eventfd_write(table_.context.async_fd, 1);
}

std::optional<ibv_async_event> Context::next_event() {
    eventfd_t count = 0;
    if (events_.empty() || eventfd_read(table_.context.async_fd, &count) != 0) return std::nullopt;
    const ibv_async_event event = events_.front();
    events_.pop_front();
    return event;
}

namespace {

void announce(const ibv_async_event& event) {
    const std::lock_guard guard(card_lock());
    for (Context* const context : contexts())
        context->tell(event);
}

} // namespace

void remove_device() {
    {
        const std::lock_guard guard(card_lock());
        faults().removed = true;
        for (const auto& [id, queue] : SendQueue::all())
            queue->set_state(QueueState::error);
        for (const auto& [id, queue] : ReceiveQueue::all())
            queue->set_state(QueueState::error);
    }
    ibv_async_event event{};
    event.event_type = IBV_EVENT_DEVICE_FATAL;
    announce(event);
}

void announce_port(const Port& port, bool active) {
    netdevs().set_rdma_active(port, active);
    ibv_async_event event{};
    event.event_type = active ? IBV_EVENT_PORT_ACTIVE : IBV_EVENT_PORT_ERR;
    event.element.port_num = static_cast<int>(port.number);
    announce(event);
}

} // namespace mlx5sim

using namespace mlx5sim;

namespace {

ibv_context* open_device() {
    start_world();
    start_engine();
    start_control();
    return (new Context)->verbs();
}

} // namespace

MLX5SIM_EXPORT ibv_device** ibv_get_device_list(int* count) {
    if (topology() == nullptr) return MLX5SIM_NEXT(ibv_get_device_list)(count);
    if (count != nullptr) *count = 1;
    return new ibv_device* [2] { the_device(), nullptr };
}

MLX5SIM_EXPORT void ibv_free_device_list(ibv_device** list) {
    delete[] list;
}

MLX5SIM_EXPORT const char* ibv_get_device_name(ibv_device* device) {
    return device->name;
}

MLX5SIM_EXPORT ibv_context* ibv_open_device(ibv_device*) {
    return open_device();
}

MLX5SIM_EXPORT ibv_context* mlx5dv_open_device(ibv_device*, mlx5dv_context_attr*) {
    return open_device();
}

// The descriptor becomes the new context's.
MLX5SIM_EXPORT ibv_context* ibv_import_device(int descriptor) {
    ibv_context* const context = open_device();
    ::close(context->cmd_fd);
    context->cmd_fd = descriptor;
    return context;
}

MLX5SIM_EXPORT int ibv_close_device(ibv_context* context) {
    delete &Context::of(context);
    return 0;
}

MLX5SIM_EXPORT int ibv_query_device(ibv_context*, ibv_device_attr* attributes) {
    *attributes = {};
    {
        const std::lock_guard guard(card_lock());
        if (faults().removed) return EIO;
    }
    fill(*attributes);
    return 0;
}

MLX5SIM_EXPORT int ibv_query_port(ibv_context* context, std::uint8_t number,
                                  _compat_ibv_port_attr* attributes) {
    return query_port(context, number, reinterpret_cast<ibv_port_attr*>(attributes),
                      offsetof(ibv_port_attr, port_cap_flags2));
}

MLX5SIM_EXPORT int mlx5dv_query_device(ibv_context*, mlx5dv_context* attributes) {
    const std::uint64_t asked = attributes->comp_mask;
    attributes->version = 0;
    attributes->flags = MLX5DV_CONTEXT_FLAGS_CQE_V1 | MLX5DV_CONTEXT_FLAGS_MPW_ALLOWED
                        | MLX5DV_CONTEXT_FLAGS_ENHANCED_MPW;
    attributes->comp_mask = asked & (MLX5DV_CONTEXT_MASK_SWP | MLX5DV_CONTEXT_MASK_TUNNEL_OFFLOADS);
    if ((asked & MLX5DV_CONTEXT_MASK_SWP) != 0)
        attributes->sw_parsing_caps.sw_parsing_offloads =
            MLX5DV_SW_PARSING | MLX5DV_SW_PARSING_CSUM | MLX5DV_SW_PARSING_LSO;
    if ((asked & MLX5DV_CONTEXT_MASK_TUNNEL_OFFLOADS) != 0)
        attributes->tunnel_offloads_caps = MLX5DV_RAW_PACKET_CAP_TUNNELED_OFFLOAD_VXLAN;
#ifdef MLX5SIM_HAS_REG_C0
    if ((asked & MLX5DV_CONTEXT_MASK_REG_C0) != 0) {
        attributes->comp_mask |= MLX5DV_CONTEXT_MASK_REG_C0;
        attributes->reg_c0 = {manager_tag, vport_tag_mask};
    }
#endif
    return 0;
}

MLX5SIM_EXPORT int _mlx5dv_query_port(ibv_context*, std::uint32_t number, mlx5dv_port* info,
                                      std::size_t size) {
    std::memset(info, 0, size);
    const Port* const port = topology()->find_number(number);
    if (port == nullptr) return EINVAL;
    info->flags = MLX5DV_QUERY_PORT_VPORT | MLX5DV_QUERY_PORT_VPORT_VHCA_ID
                  | MLX5DV_QUERY_PORT_VPORT_REG_C0 | MLX5DV_QUERY_PORT_ESW_OWNER_VHCA_ID;
    info->vport = port->vport;
    info->vport_vhca_id = port->vhca_id;
    info->esw_owner_vhca_id = port->vhca_id;
    info->reg_c0 = {port->tag, vport_tag_mask};
    return 0;
}

// Asked for by those who would have the driver's memory for rings that libmlx5 makes; we make none.
MLX5SIM_EXPORT int mlx5dv_set_context_attr(ibv_context*, mlx5dv_set_ctx_attr_type, void*) {
    return 0;
}

// As libibverbs words them; drivers write them into their logs.
MLX5SIM_EXPORT const char* ibv_port_state_str(ibv_port_state state) {
    switch (state) {
    case IBV_PORT_NOP:
        return "no state change (NOP)";
    case IBV_PORT_DOWN:
        return "down";
    case IBV_PORT_INIT:
        return "init";
    case IBV_PORT_ARMED:
        return "armed";
    case IBV_PORT_ACTIVE:
        return "active";
    case IBV_PORT_ACTIVE_DEFER:
        return "active defer";
    default:
        return "unknown";
    }
}

MLX5SIM_EXPORT int ibv_get_async_event(ibv_context* context, ibv_async_event* event) {
    Context& own = Context::of(context);
    const std::lock_guard guard(card_lock());
    const auto next = own.next_event();
    if (!next) {
        errno = EAGAIN;
        return -1;
    }
    *event = *next;
    return 0;
}

MLX5SIM_EXPORT void ibv_ack_async_event(ibv_async_event*) {}

MLX5SIM_EXPORT int ibv_fork_init() {
    return 0;
}

MLX5SIM_EXPORT ibv_fork_status ibv_is_fork_initialized() {
    return IBV_FORK_UNNEEDED;
}
