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
    /// Whether it asks for capabilities that the card has not.
    bool asks_in_vain() const;
    /// As the faults want it, in errno too: EREMOTEIO with status and syndrome in the answer, EIO
    /// where the card is gone; 0: not at all.
    int refusal() const;
};

/// Whether it is the name() of a command that has one.
bool is_command(const std::string& name);

/// Null: refused.
std::unique_ptr<Object> create_object(const Command& command);
int modify_object(Object& object, const Command& command);
int query_object(Object& object, const Command& command);
int general_command(const Command& command);

} // namespace mlx5sim
