// SPDX-License-Identifier: BSD-3-Clause
// Protection domains, memory and queues by verbs. The driver uses the queues of verbs but for two
// things: completions of its rule queues, and a queue that drops, which is never asked for a
// packet.
#include "verbs_objects.h"

#include "export.h"
#include "memory_keys.h"
#include "objects.h"
#include "queues.h"

#include <bit>
#include <cstdlib>
#include <memory>
#include <vector>

#include <infiniband/mlx5dv.h>
#include <sys/mman.h>

#undef ibv_reg_mr

namespace mlx5sim {

namespace {

std::uint32_t next_handle() {
    static Numbers numbers(1);
    const std::lock_guard guard(card_lock());
    return numbers.take();
}

/// One of verbs' structures, with what we keep beside it. The structure comes first, so that the
/// driver's pointer is ours.
template<typename Verbs>
struct Handle {
    Verbs verbs{};
    std::unique_ptr<Counted> counted;

    static Verbs* make(const char* kind, Verbs initial) {
        auto* const made = new Handle{initial, std::make_unique<Counted>(kind)};
        return &made->verbs;
    }
    static int destroy(Verbs* verbs) {
        delete reinterpret_cast<Handle*>(verbs);
        return 0;
    }
};

} // namespace

/// A completion queue whose ring is in our memory.
struct VerbsCompletionQueue {
    ibv_cq verbs{};
    std::vector<std::uint8_t> ring;
    alignas(8) std::array<std::uint8_t, 8> doorbell{};
    std::unique_ptr<CompletionQueue> queue;
};

namespace {

ibv_mr* alloc_null_mr(ibv_pd* pd) {
    ibv_mr memory{};
    memory.context = pd->context;
    memory.pd = pd;
    memory.lkey = next_handle();
    return Handle<ibv_mr>::make("memory region", memory);
}

ibv_wq* create_wq(ibv_context* context, ibv_wq_init_attr* attributes) {
    ibv_wq queue{};
    queue.context = context;
    queue.pd = attributes->pd;
    queue.cq = attributes->cq;
    queue.wq_type = attributes->wq_type;
    queue.wq_num = queue.handle = next_handle();
    return Handle<ibv_wq>::make("verbs work queue", queue);
}

int modify_wq(ibv_wq* queue, ibv_wq_attr* attributes) {
    queue->state = attributes->wq_state;
    return 0;
}

ibv_rwq_ind_table* create_table(ibv_context* context, ibv_rwq_ind_table_init_attr*) {
    ibv_rwq_ind_table table{};
    table.context = context;
    table.ind_tbl_num = static_cast<int>(next_handle());
    return Handle<ibv_rwq_ind_table>::make("verbs indirection table", table);
}

ibv_qp* create_qp_ex(ibv_context* context, ibv_qp_init_attr_ex* attributes) {
    ibv_qp pair{};
    pair.context = context;
    pair.pd = attributes->pd;
    pair.qp_type = attributes->qp_type;
    pair.qp_num = pair.handle = next_handle();
    return Handle<ibv_qp>::make("verbs queue pair", pair);
}

} // namespace

void add_inline_verbs(verbs_context& table) {
    table.alloc_null_mr = alloc_null_mr;
    table.create_wq = create_wq;
    table.modify_wq = modify_wq;
    table.destroy_wq = Handle<ibv_wq>::destroy;
    table.create_rwq_ind_table = create_table;
    table.destroy_rwq_ind_table = Handle<ibv_rwq_ind_table>::destroy;
    table.create_qp_ex = create_qp_ex;
}

} // namespace mlx5sim

using namespace mlx5sim;

MLX5SIM_EXPORT ibv_pd* ibv_alloc_pd(ibv_context* context) {
    return Handle<ibv_pd>::make("protection domain", {context, next_handle()});
}

MLX5SIM_EXPORT int ibv_dealloc_pd(ibv_pd* domain) {
    return Handle<ibv_pd>::destroy(domain);
}

MLX5SIM_EXPORT ibv_mr* ibv_reg_mr_iova2(ibv_pd* domain, void* address, std::size_t length,
                                        std::uint64_t start, unsigned) {
    ibv_mr memory{};
    memory.context = domain->context;
    memory.pd = domain;
    memory.addr = address;
    memory.length = length;
    memory.handle = memory.lkey = memory.rkey = next_handle();
    add_key(memory.lkey, start, length);
    return Handle<ibv_mr>::make("memory region", memory);
}

MLX5SIM_EXPORT ibv_mr* ibv_reg_mr(ibv_pd* domain, void* address, std::size_t length, int access) {
    return ibv_reg_mr_iova2(domain, address, length, reinterpret_cast<std::uintptr_t>(address),
                            static_cast<unsigned>(access));
}

MLX5SIM_EXPORT int ibv_dereg_mr(ibv_mr* memory) {
    remove_key(memory->lkey);
    return Handle<ibv_mr>::destroy(memory);
}

MLX5SIM_EXPORT ibv_cq* ibv_create_cq(ibv_context* context, int entries, void* own,
                                     ibv_comp_channel* channel, int) {
    const auto size = std::bit_ceil(static_cast<unsigned>(entries) + 1);
    // The engine finds a queue before it is whole.
    const std::lock_guard guard(card_lock());
    auto made = std::make_unique<VerbsCompletionQueue>();
    made->ring.resize(size * CompletionQueue::entry_size);
    made->queue = std::make_unique<CompletionQueue>(next_handle() + 0x800000, made->ring.data(),
                                                    std::countr_zero(size), made->doorbell.data());
    made->verbs.context = context;
    made->verbs.channel = channel;
    made->verbs.cq_context = own;
    made->verbs.cqe = static_cast<int>(size - 1);
    return &made.release()->verbs;
}

MLX5SIM_EXPORT int ibv_destroy_cq(ibv_cq* queue) {
    const std::lock_guard guard(card_lock());
    delete reinterpret_cast<VerbsCompletionQueue*>(queue);
    return 0;
}

MLX5SIM_EXPORT int ibv_destroy_qp(ibv_qp* pair) {
    return Handle<ibv_qp>::destroy(pair);
}

MLX5SIM_EXPORT int mlx5dv_init_obj(mlx5dv_obj* objects, std::uint64_t type) {
    if ((type & ~std::uint64_t{MLX5DV_OBJ_PD | MLX5DV_OBJ_CQ}) != 0)
        refuse("mlx5dv_init_obj: types 0x%llx are not simulated",
               static_cast<unsigned long long>(type));
    if ((type & MLX5DV_OBJ_PD) != 0) objects->pd.out->pdn = objects->pd.in->handle;
    if ((type & MLX5DV_OBJ_CQ) != 0) {
        auto* const queue = reinterpret_cast<VerbsCompletionQueue*>(objects->cq.in);
        mlx5dv_cq& out = *objects->cq.out;
        out.buf = queue->ring.data();
        out.dbrec = reinterpret_cast<__be32*>(queue->doorbell.data());
        out.cqe_cnt = static_cast<std::uint32_t>(queue->queue->entries());
        out.cqe_size = CompletionQueue::entry_size;
        out.cqn = queue->queue->id;
    }
    return 0;
}
