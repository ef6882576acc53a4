// SPDX-License-Identifier: BSD-3-Clause
// Reads what the firmware of a card can, and prints it as a topology's key 'capabilities' takes it
// (docs/mlx5sim.md). Needs the card's RDMA device and CAP_NET_RAW; changes nothing.
//
//   mlx5sim_capture [RDMA-DEVICE] > FILE
#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include <endian.h>
#include <infiniband/mlx5dv.h>
#include <infiniband/verbs.h>

namespace {

constexpr std::size_t header = 16, capability = 4096, row = 32;

using Answer = std::array<std::uint8_t, header + capability>;

ibv_context* open_card(const std::string& name) {
    int count = 0;
    ibv_device** const list = ibv_get_device_list(&count);
    ibv_context* context = nullptr;
    for (int i = 0; i < count && context == nullptr; ++i) {
        if (!name.empty() && name != ibv_get_device_name(list[i])) continue;
        mlx5dv_context_attr attributes{};
        attributes.flags = MLX5DV_CONTEXT_FLAGS_DEVX;
        context = mlx5dv_open_device(list[i], &attributes);
    }
    ibv_free_device_list(list);
    return context;
}

/// QUERY_HCA_CAP of what is in force, not of the most there could be.
bool query(ibv_context* context, unsigned group, Answer& answer) {
    std::array<std::uint8_t, header> command{};
    const std::uint16_t opcode = htobe16(0x100);
    const std::uint16_t modifier = htobe16(static_cast<std::uint16_t>(group << 1 | 1));
    std::memcpy(&command[0], &opcode, sizeof opcode);
    std::memcpy(&command[6], &modifier, sizeof modifier);
    answer = {};
    return mlx5dv_devx_general_cmd(context, command.data(), command.size(), answer.data(),
                                   answer.size())
           == 0;
}

// Rows of zeros are left out.
void print(unsigned group, const Answer& answer) {
    std::printf("group 0x%02x\n", group);
    for (std::size_t at = 0; at < capability; at += row) {
        std::array<std::uint32_t, row / 4> words{};
        std::memcpy(words.data(), &answer[header + at], row);
        if (words == decltype(words){}) continue;
        std::printf("0x%03zx:", at);
        for (const std::uint32_t word : words)
            std::printf(" %08x", be32toh(word));
        std::printf("\n");
    }
}

void print_ports(ibv_context* context, unsigned count) {
    for (unsigned number = 1; number <= count; ++number) {
        mlx5dv_port port{};
        if (mlx5dv_query_port(context, number, &port) != 0) continue;
        std::printf("# port %u: vport 0x%04x of vhca %u, E-Switch of vhca %u", number, port.vport,
                    port.vport_vhca_id, port.esw_owner_vhca_id);
        if ((port.flags & MLX5DV_QUERY_PORT_VPORT_REG_C0) != 0)
            std::printf(", REG_C_0 0x%08" PRIx32 " under 0x%08" PRIx32, port.reg_c0.value,
                        port.reg_c0.mask);
        std::printf("\n");
    }
}

} // namespace

int main(int count, char** arguments) {
    const std::string name = count > 1 ? arguments[1] : "";
    ibv_context* const context = open_card(name);
    ibv_device_attr attributes{};
    if (context == nullptr || ibv_query_device(context, &attributes) != 0) {
        std::fprintf(stderr, "mlx5sim_capture: cannot open %s: %m\n",
                     name.empty() ? "an mlx5 device" : name.c_str());
        return 1;
    }
    std::printf("# Device 0x%04x of vendor 0x%04x.\n", attributes.vendor_part_id,
                attributes.vendor_id);
    print_ports(context, attributes.phys_port_cnt);
    std::printf("firmware %s\n", attributes.fw_ver);
    constexpr unsigned groups = 0x40;
    for (unsigned group = 0; group < groups; ++group)
        if (Answer answer; query(context, group, answer)) print(group, answer);
    return ibv_close_device(context) == 0 ? 0 : 1;
}
