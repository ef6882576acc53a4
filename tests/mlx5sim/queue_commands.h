// SPDX-License-Identifier: BSD-3-Clause
// Firmware commands about queues: what they are made of, and what changes them. @p in is the whole
// of a command.
#pragma once

#include "objects.h"

#include <cstdint>
#include <memory>

namespace mlx5sim {

std::unique_ptr<Object> make_completion_queue(const std::uint8_t* in);
std::unique_ptr<Object> make_send_queue(const std::uint8_t* in);
std::unique_ptr<Object> make_receive_queue(const std::uint8_t* in);
std::unique_ptr<Object> make_tir(const std::uint8_t* in);
std::unique_ptr<Object> make_queue_table(const std::uint8_t* in);
std::unique_ptr<Object> make_queue_counter();

void modify_send_queue(Object& queue, const std::uint8_t* in);
void modify_receive_queue(Object& queue, const std::uint8_t* in);
void modify_tir_object(Object& tir, const std::uint8_t* in);
void modify_queue_table(Object& table, const std::uint8_t* in);

void query_queue_counter(Object& counter, const std::uint8_t* in, std::uint8_t* out);

} // namespace mlx5sim
