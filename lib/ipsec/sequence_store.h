// SPDX-License-Identifier: BSD-3-Clause
// A sequence number never repeats under one key, over restarts and crashes too: the nonce of an
// AEAD is made of it (RFC 4106 section 2). A state file holds, for each outbound key, a bound below
// which numbers may have been used; it is raised, and is on the disk, before a number beyond it is
// used.
#pragma once

#include "base/error.h"
#include "base/file_descriptor.h"
#include "ipsec/sa.h"
#include "ipsec/sequence_file.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string_view>
#include <vector>

namespace sallyport::ipsec {

/// Numbers that are reserved at a time: what a restart costs at most. 2^22 are 0.4 s of 10 million
/// packets a second, and 1024 restarts with numbers of 32 bits.
constexpr std::uint64_t reservation_step(bool esn) {
    return std::uint64_t{1} << (esn ? 24 : 22);
}

/// How a file gets to the disk; the steps are apart for tests that crash between them.
class StateFiles {
  public:
    virtual ~StateFiles() = default;
    /// Creates or replaces a file of mode 0600 and waits until its octets are on the disk.
    virtual Expected<void> write(const std::filesystem::path& path, std::string_view text);
    virtual Expected<void> rename(const std::filesystem::path& from,
                                  const std::filesystem::path& to);
    /// Waits until the folder's names are on the disk.
    virtual Expected<void> sync_folder(const std::filesystem::path& folder);
};

/// One outbound SA's numbers. Value.
struct Reservation {
    Sha256 key_name{};
    bool esn = false;
    /// The first number that is known to be unused.
    std::uint64_t first = 1;
    /// Numbers from here on are not reserved.
    std::uint64_t bound = 1;

    /// Time to renew: half of the step is used.
    [[nodiscard]] bool is_low(std::uint64_t next) const {
        return next > bound || bound - next < reservation_step(esn) / 2;
    }
};

/// Control thread only: the calls wait for the disk.
class SequenceStore {
  public:
    using Hash = std::function<Expected<Sha256>(std::span<std::uint8_t>)>;

    /// @param first_use the operator's word that no key was used before: a missing file is made.
    ///        Without it a missing file is an error, as an unreadable or damaged one is always:
    ///        nobody knows then which numbers are unused. So is a file that another process has
    ///        open
    /// @param hash CryptoDevices::sha256()
    /// @param files must outlive the store; null: the system's
    static Expected<std::unique_ptr<SequenceStore>>
    open(const std::filesystem::path& path, bool first_use, Hash hash, StateFiles* files = nullptr);

    /// Starts outbound SAs where their keys' numbers are unused, and reserves the first step of
    /// each; one write for all. A key that the file does not know was not used as long as the file
    /// exists.
    /// @param all of each, first_sequence and sequence_bound are set
    /// @return in the same order, to be renewed; a failure, and none is started: the numbers are
    ///         used up, the disk failed, or an SA with this key is under way or among @p all, by
    ///         whatever SPI: two would count the same numbers
    Expected<std::vector<Reservation>> start(std::span<SaSettings* const> all);
    /// Of one.
    Expected<Reservation> start(SaSettings& settings);
    /// The SA sends no more: its key may be started again, behind all that was reserved.
    void finish(const Reservation& reservation) { under_way_.erase(reservation.key_name); }
    /// Raises bounds such that a step is ahead of what is used; one write for all.
    /// @param next SaSession::next_sequence() of each, in the same order
    /// @return a failure leaves all as they were: SAs stop at the bounds they have. Afterwards
    ///         SaSession::extend_sequence() is to be called with each bound
    Expected<void> renew(std::span<Reservation> reservations, std::span<const std::uint64_t> next);

    [[nodiscard]] std::size_t size() const { return state_.bounds.size(); }

  private:
    SequenceStore(std::filesystem::path path, Hash hash, StateFiles& files)
        : path_(std::move(path)), hash_(std::move(hash)), files_(files) {}
    Expected<Sha256> name_of(const SaSettings& settings) const;
    /// @param state gets the bound
    Expected<Reservation> reserve(const SaSettings& settings, SequenceState& state) const;
    Expected<void> save(const SequenceState& state);

    std::filesystem::path path_;
    Hash hash_;
    StateFiles& files_;
    SequenceState state_;
    std::set<Sha256> under_way_;
    /// Held as long as the store lives: another process would count the same numbers.
    base::FileDescriptor lock_;
};

} // namespace sallyport::ipsec
