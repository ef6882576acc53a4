// SPDX-License-Identifier: BSD-3-Clause
// DevX: the driver's way to the firmware, to memory that the card reads, and to doorbells.
#include "caller.h"
#include "devx.h"
#include "export.h"
#include "objects.h"

#include <cerrno>
#include <memory>

#include <infiniband/mlx5dv.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlx5sim;

namespace {

Object& object_of(mlx5dv_devx_obj* handle) {
    return *reinterpret_cast<Object*>(handle);
}

Command command_of(const void* in, std::size_t in_size, void* out, std::size_t out_size) {
    return {{static_cast<const std::uint8_t*>(in), in_size},
            {static_cast<std::uint8_t*>(out), out_size}};
}

/// A doorbell page. Nobody reads it: the card looks at the records.
struct DoorbellPage {
    mlx5dv_devx_uar verbs{};
    std::unique_ptr<Counted> counted;
};

constexpr std::size_t page_size = 4096;

/// The descriptor of answers to asynchronous commands, of which none is simulated.
struct CommandCompletion {
    mlx5dv_devx_cmd_comp verbs{};
    std::unique_ptr<Counted> counted;
};

struct Memory {
    mlx5dv_devx_umem verbs{};
    std::unique_ptr<UserMemory> memory;
};

} // namespace

MLX5SIM_EXPORT mlx5dv_devx_obj* mlx5dv_devx_obj_create(ibv_context*, const void* in,
                                                       std::size_t in_size, void* out,
                                                       std::size_t out_size) {
    const std::lock_guard guard(card_lock());
    auto object = create_object(command_of(in, in_size, out, out_size));
    return reinterpret_cast<mlx5dv_devx_obj*>(object.release());
}

MLX5SIM_EXPORT int mlx5dv_devx_obj_destroy(mlx5dv_devx_obj* handle) {
    const std::lock_guard guard(card_lock());
    Object* const object = &object_of(handle);
    trace("destroy %s %u", object->kind(), object->id);
    delete object;
    return 0;
}

MLX5SIM_EXPORT int mlx5dv_devx_obj_modify(mlx5dv_devx_obj* handle, const void* in,
                                          std::size_t in_size, void* out, std::size_t out_size) {
    const std::lock_guard guard(card_lock());
    return modify_object(object_of(handle), command_of(in, in_size, out, out_size));
}

MLX5SIM_EXPORT int mlx5dv_devx_obj_query(mlx5dv_devx_obj* handle, const void* in,
                                         std::size_t in_size, void* out, std::size_t out_size) {
    const std::lock_guard guard(card_lock());
    return query_object(object_of(handle), command_of(in, in_size, out, out_size));
}

MLX5SIM_EXPORT int mlx5dv_devx_general_cmd(ibv_context*, const void* in, std::size_t in_size,
                                           void* out, std::size_t out_size) {
    const std::lock_guard guard(card_lock());
    const Command command = command_of(in, in_size, out, out_size);
    // Others may try what the card has; what the driver needs and we have not must be seen.
    if (!is_driver(__builtin_return_address(0)) && command.asks_in_vain()) return EREMOTEIO;
    return general_command(command);
}

MLX5SIM_EXPORT int mlx5dv_devx_query_eqn(ibv_context*, std::uint32_t, std::uint32_t* number) {
    *number = 1;
    return 0;
}

MLX5SIM_EXPORT mlx5dv_devx_umem* mlx5dv_devx_umem_reg(ibv_context*, void* address, std::size_t size,
                                                      std::uint32_t) {
    static Numbers numbers(1);
    const std::lock_guard guard(card_lock());
    const std::uint32_t id = numbers.take();
    return &(new Memory{{id}, std::make_unique<UserMemory>(id, address, size)})->verbs;
}

MLX5SIM_EXPORT int mlx5dv_devx_umem_dereg(mlx5dv_devx_umem* handle) {
    const std::lock_guard guard(card_lock());
    delete reinterpret_cast<Memory*>(handle);
    return 0;
}

MLX5SIM_EXPORT mlx5dv_devx_uar* mlx5dv_devx_alloc_uar(ibv_context*, std::uint32_t) {
    static Numbers numbers(1);
    void* const page =
        mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return nullptr;
    auto* const made = new DoorbellPage{{}, std::make_unique<Counted>("doorbell page")};
    made->verbs.base_addr = page;
    made->verbs.reg_addr = static_cast<std::uint8_t*>(page) + 0x800;
    const std::lock_guard guard(card_lock());
    made->verbs.page_id = numbers.take();
    return &made->verbs;
}

MLX5SIM_EXPORT void mlx5dv_devx_free_uar(mlx5dv_devx_uar* handle) {
    munmap(handle->base_addr, page_size);
    delete reinterpret_cast<DoorbellPage*>(handle);
}

MLX5SIM_EXPORT mlx5dv_devx_cmd_comp* mlx5dv_devx_create_cmd_comp(ibv_context*) {
    const int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return &(new CommandCompletion{{descriptor}, std::make_unique<Counted>("command completion")})
                ->verbs;
}

MLX5SIM_EXPORT void mlx5dv_devx_destroy_cmd_comp(mlx5dv_devx_cmd_comp* handle) {
    ::close(handle->fd);
    delete reinterpret_cast<CommandCompletion*>(handle);
}

MLX5SIM_EXPORT int mlx5dv_devx_get_async_cmd_comp(mlx5dv_devx_cmd_comp*, mlx5dv_devx_async_cmd_hdr*,
                                                  std::size_t) {
    errno = EAGAIN;
    return -1;
}
