// SPDX-License-Identifier: BSD-3-Clause
// Three actions that the driver makes for its older steering whichever it is told to use, and never
// puts into a rule of the newer.
#include "export.h"
#include "objects.h"

#include <infiniband/mlx5dv.h>

using mlx5sim::Counted;

namespace {

mlx5dv_dr_action* make(const char* kind) {
    return reinterpret_cast<mlx5dv_dr_action*>(new Counted(kind));
}

} // namespace

MLX5SIM_EXPORT mlx5dv_dr_action* mlx5dv_dr_action_create_default_miss() {
    return make("default miss action");
}

MLX5SIM_EXPORT mlx5dv_dr_action* mlx5dv_dr_action_create_drop() {
    return make("drop action");
}

MLX5SIM_EXPORT mlx5dv_dr_action* mlx5dv_dr_action_create_pop_vlan() {
    return make("pop VLAN action");
}

MLX5SIM_EXPORT int mlx5dv_dr_action_destroy(mlx5dv_dr_action* action) {
    delete reinterpret_cast<Counted*>(action);
    return 0;
}
