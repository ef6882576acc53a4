// SPDX-License-Identifier: BSD-3-Clause
// The firmware: what becomes of a command.
#pragma once

#include "objects.h"

#include <cstdint>
#include <memory>
#include <span>

namespace mlx5sim {

/// A command as the driver gave it.
struct Command {
    std::span<const std::uint8_t> input;
    std::span<std::uint8_t> output;

    std::uint16_t opcode() const;
    /// "CREATE_GENERAL_OBJECT RTC"; a number where it has no name here.
    std::string name() const;
    /// The firmware refuses: status, syndrome, and -1 with EREMOTEIO for the caller.
    int refused(std::uint8_t status, std::uint32_t syndrome) const;
};

std::unique_ptr<Object> create_object(const Command& command);
int modify_object(Object& object, const Command& command);
int query_object(Object& object, const Command& command);
int general_command(const Command& command);

} // namespace mlx5sim
