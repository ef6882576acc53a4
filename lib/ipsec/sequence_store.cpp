// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/sequence_store.h"

#include "base/errno_text.h"
#include "ipsec/key_file.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sallyport::ipsec {

namespace {

constexpr const char* remedy = "replace the keys of all SAs on both ends, and say that this is the "
                               "first use of the state file";

std::string place(const std::filesystem::path& path) {
    return "state file " + path.string();
}

Expected<std::string> read_file(int fd, const std::filesystem::path& path) {
    std::string text;
    char room[16384];
    for (;;) {
        const ssize_t got = ::read(fd, room, sizeof room);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failure("cannot be read: " + base::errno_text(), place(path), remedy);
        if (got == 0) return text;
        text.append(room, static_cast<std::size_t>(got));
        if (text.size() > largest_sequence_file)
            return failure("is too large to be one", place(path), remedy);
    }
}

Expected<SequenceState> fresh_state(const std::filesystem::path& path) {
    SequenceState state;
    if (::getrandom(state.salt.data(), state.salt.size(), 0)
        != static_cast<ssize_t>(state.salt.size()))
        return failure("no random octets: " + base::errno_text(), place(path));
    return state;
}

Expected<SequenceState> load(const std::filesystem::path& path, bool first_use, bool& made) {
    const base::FileDescriptor file(
        ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    made = !file && errno == ENOENT && first_use;
    if (made) return fresh_state(path);
    if (!file)
        return failure("cannot be opened: " + base::errno_text()
                           + "; which sequence numbers are unused is not known",
                       place(path), remedy);
    if (auto fine = check_private_file(file.get(), path, "ipsec"); !fine)
        return tl::unexpected(fine.error());
    auto text = read_file(file.get(), path);
    if (!text) return tl::unexpected(text.error());
    auto state = parse_sequence_file(*text);
    if (!state)
        return failure("is damaged: which sequence numbers are unused is not known", place(path),
                       remedy);
    return std::move(*state);
}

/// Of a file beside it, since the state file itself is replaced by each write.
Expected<base::FileDescriptor> take_lock(std::filesystem::path path) {
    path += ".lock";
    base::FileDescriptor lock(
        ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!lock) return failure("cannot be made: " + base::errno_text(), "lock " + path.string());
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
    return failure("another process counts sequence numbers by it: " + base::errno_text(),
                   "lock " + path.string(), "end that process, or use another state file");
}

/// One more than the last that is used.
std::uint64_t end_of_numbers(bool esn) {
    return last_sequence(esn) + 1;
}

std::uint64_t step_ahead(std::uint64_t next, bool esn) {
    const std::uint64_t end = end_of_numbers(esn), step = reservation_step(esn);
    return next >= end || end - next <= step ? end : next + step;
}

StateFiles& system_files() {
    static StateFiles files;
    return files;
}

} // namespace

Expected<void> StateFiles::write(const std::filesystem::path& path, std::string_view text) {
    // What a crash left behind may be a link of somebody's or have other rights.
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        return failure("cannot be replaced: " + base::errno_text(), place(path));
    const base::FileDescriptor file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return failure("cannot be made: " + base::errno_text(), place(path));
    while (!text.empty()) {
        const ssize_t put = ::write(file.get(), text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return failure("cannot be written: " + base::errno_text(), place(path));
        text.remove_prefix(static_cast<std::size_t>(put));
    }
    // The umask may have taken the owner's rights.
    if (::fchmod(file.get(), 0600) != 0 || ::fsync(file.get()) != 0)
        return failure("cannot be brought to the disk: " + base::errno_text(), place(path));
    return {};
}

Expected<void> StateFiles::rename(const std::filesystem::path& from,
                                  const std::filesystem::path& to) {
    if (::rename(from.c_str(), to.c_str()) == 0) return {};
    return failure("cannot be replaced: " + base::errno_text(), place(to));
}

Expected<void> StateFiles::sync_folder(const std::filesystem::path& folder) {
    const base::FileDescriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (file && ::fsync(file.get()) == 0) return {};
    return failure("cannot be brought to the disk: " + base::errno_text(),
                   "folder " + folder.string());
}

Expected<std::unique_ptr<SequenceStore>> SequenceStore::open(const std::filesystem::path& path,
                                                             bool first_use, Hash hash,
                                                             StateFiles* files) {
    std::unique_ptr<SequenceStore> store(
        new SequenceStore(path, std::move(hash), files != nullptr ? *files : system_files()));
    auto lock = take_lock(path);
    if (!lock) return tl::unexpected(lock.error());
    store->lock_ = std::move(*lock);
    bool made = false;
    auto state = load(path, first_use, made);
    if (!state) return tl::unexpected(state.error());
    if (made)
        if (auto saved = store->save(*state); !saved) return tl::unexpected(saved.error());
    store->state_ = std::move(*state);
    return store;
}

Expected<Sha256> SequenceStore::name_of(const SaSettings& settings) const {
    // The nonce depends on key and number alone: two SAs of one key, whatever their SPIs, share
    // their numbers.
    const std::string_view label = to_string(settings.algorithm);
    Secret message(state_.salt.size() + label.size() + settings.key.size());
    auto at = std::copy(state_.salt.begin(), state_.salt.end(), message.octets().begin());
    at = std::copy(label.begin(), label.end(), at);
    std::copy(settings.key.octets().begin(), settings.key.octets().end(), at);
    return hash_(message.octets());
}

Expected<void> SequenceStore::save(const SequenceState& state) {
    std::filesystem::path temporary = path_;
    temporary += ".new";
    if (auto written = files_.write(temporary, to_text(state)); !written) return written;
    if (auto renamed = files_.rename(temporary, path_); !renamed) return renamed;
    const std::filesystem::path folder = path_.parent_path();
    return files_.sync_folder(folder.empty() ? "." : folder);
}

Expected<Reservation> SequenceStore::reserve(const SaSettings& settings,
                                             SequenceState& state) const {
    const std::string where = "sa " + settings.name;
    auto key_name = name_of(settings);
    if (!key_name) return tl::unexpected(key_name.error());
    if (under_way_.contains(*key_name))
        return failure("another outbound SA uses the same key", where,
                       "give each SA a key of its own: a sequence number must not be used twice "
                       "under one key");
    const auto known = state.bounds.find(*key_name);
    Reservation reservation{*key_name, settings.esn, settings.first_sequence, 0};
    if (known != state.bounds.end()) reservation.first = std::max(reservation.first, known->second);
    if (reservation.first >= end_of_numbers(settings.esn))
        return failure("all sequence numbers of this key may have been used", where,
                       "replace the key on both ends");
    if (known == state.bounds.end() && state.bounds.size() >= most_stored_sas)
        return failure("the state file holds " + std::to_string(most_stored_sas) + " keys", where,
                       "replace all keys, and begin a new state file");
    reservation.bound = step_ahead(reservation.first, settings.esn);
    state.bounds[*key_name] = reservation.bound;
    return reservation;
}

Expected<std::vector<Reservation>> SequenceStore::start(std::span<SaSettings* const> all) {
    SequenceState next = state_;
    std::vector<Reservation> reservations;
    // Reserved here means under way for those behind.
    const auto undo = [&] {
        for (const Reservation& reservation : reservations)
            under_way_.erase(reservation.key_name);
    };
    for (const SaSettings* const settings : all) {
        auto reservation = reserve(*settings, next);
        if (!reservation) {
            undo();
            return tl::unexpected(reservation.error());
        }
        under_way_.insert(reservation->key_name);
        reservations.push_back(*reservation);
    }
    if (all.empty()) return reservations;
    if (auto saved = save(next); !saved) {
        undo();
        return tl::unexpected(saved.error());
    }
    state_ = std::move(next);
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i]->first_sequence = reservations[i].first;
        all[i]->sequence_bound = reservations[i].bound;
    }
    return reservations;
}

Expected<Reservation> SequenceStore::start(SaSettings& settings) {
    SaSettings* const one = &settings;
    auto started = start(std::span(&one, 1));
    if (!started) return tl::unexpected(started.error());
    return started->front();
}

Expected<void> SequenceStore::renew(std::span<Reservation> reservations,
                                    std::span<const std::uint64_t> next) {
    SequenceState state = state_;
    std::vector<std::uint64_t> bounds;
    for (std::size_t i = 0; i < reservations.size(); ++i) {
        std::uint64_t& stored = state.bounds[reservations[i].key_name];
        bounds.push_back(std::max(stored, step_ahead(next[i], reservations[i].esn)));
        stored = bounds.back();
    }
    if (state == state_) return {};
    if (auto saved = save(state); !saved) return saved;
    state_ = std::move(state);
    for (std::size_t i = 0; i < reservations.size(); ++i)
        reservations[i].bound = bounds[i];
    return {};
}

} // namespace sallyport::ipsec
