// SPDX-License-Identifier: BSD-3-Clause
// What the driver has made of the card and not yet given back.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace mlx5sim {

/// Over all objects and what they hold: taken by a command as a whole, and by the engine for each
/// round of its loop.
std::recursive_mutex& card_lock();

/// Counted under its kind's name as long as it lives.
class Counted {
  public:
    explicit Counted(const char* kind);
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    virtual ~Counted();

    const char* kind() const { return kind_; }

  private:
    const char* kind_;
};

/// How many of each kind there are.
std::map<std::string, unsigned> live_objects();

/// What a firmware command creates; mlx5dv_devx_obj for the driver.
class Object : public Counted {
  public:
    Object(const char* kind, std::uint32_t number) : Counted(kind), id(number) {}
    const std::uint32_t id;
};

/// An object that others name by its id.
template<typename Self>
class Indexed : public Object {
  public:
    Indexed(const char* kind, std::uint32_t number) : Object(kind, number) {
        index()[number] = static_cast<Self*>(this);
    }
    ~Indexed() override { index().erase(id); }

    static Self* find(std::uint32_t number) {
        const auto found = index().find(number);
        return found == index().end() ? nullptr : found->second;
    }
    static const std::unordered_map<std::uint32_t, Self*>& all() { return index(); }

  private:
    // Never destroyed: objects may outlive static ones when a process ends badly.
    static std::unordered_map<std::uint32_t, Self*>& index() {
        static auto* const instance = new std::unordered_map<std::uint32_t, Self*>;
        return *instance;
    }
};

/// Memory that the driver registered for the card to read and write.
struct UserMemory : Indexed<UserMemory> {
    UserMemory(std::uint32_t number, void* start, std::size_t octets)
        : Indexed("user memory", number), address(static_cast<std::uint8_t*>(start)), size(octets) {
    }
    std::uint8_t* const address;
    const std::size_t size;
};

/// The range of @p size octets at @p offset; ends the process where it is not all of the memory's.
std::uint8_t* memory_at(std::uint32_t umem, std::uint64_t offset, std::size_t size);

/// The next free number of a space that begins with @p first; ranges are aligned to their size.
class Numbers {
  public:
    explicit Numbers(std::uint32_t first) : next_(first) {}
    std::uint32_t take(std::uint32_t range = 1) {
        next_ = (next_ + range - 1) / range * range;
        const std::uint32_t number = next_;
        next_ += range;
        return number;
    }

  private:
    std::uint32_t next_;
};

} // namespace mlx5sim
