// SPDX-License-Identifier: BSD-3-Clause
#include "config/load.h"

#include "config/clashes.h"
#include "config/fixed_settings.h"
#include "config/main_file.h"
#include "config/parse.h"
#include "config/tenant_file.h"

#include <algorithm>
#include <system_error>
#include <tuple>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace sallyport::config {

namespace {

/// The main file first, then by path and line.
void sort_complaints(Complaints& complaints, const std::filesystem::path& main_file) {
    const auto order = [&main_file](const Complaint& complaint) {
        return std::make_tuple(complaint.file != main_file, std::cref(complaint.file.native()),
                               complaint.line);
    };
    std::stable_sort(complaints.begin(), complaints.end(),
                     [&order](const Complaint& left, const Complaint& right) {
                         return order(left) < order(right);
                     });
}

/// Puts the files together, one after the other, and checks them against each other.
class Assembly {
  public:
    explicit Assembly(Complaints& complaints) : complaints_(complaints) {}

    void add_main(MainFile main) {
        main_ = std::move(main);
        if (main_.mtu_known) underlay_mtu_ = main_.settings.underlay.mtu;
    }
    void add_tenant(const SourceText& text) {
        tenants_.push_back(parse_tenant_file(text, underlay_mtu_, complaints_));
    }
    [[nodiscard]] const MainFile& main() const { return main_; }

    Loaded<Settings> finish() {
        Clashes clashes(complaints_);
        clashes.add_main(main_.settings, main_.lines);
        for (const TenantFile& tenant : tenants_)
            clashes.add_tenant(tenant.settings, tenant.lines);
        for (const TenantFile& tenant : tenants_)
            clashes.check_remote_vteps(tenant.settings, tenant.lines);
        if (!complaints_.empty()) {
            sort_complaints(complaints_, main_.settings.file);
            return tl::unexpected(std::move(complaints_));
        }
        for (TenantFile& tenant : tenants_)
            main_.settings.tenants.push_back(std::move(tenant.settings));
        return std::move(main_.settings);
    }

  private:
    Complaints& complaints_;
    MainFile main_;
    std::optional<std::uint16_t> underlay_mtu_;
    std::vector<TenantFile> tenants_;
};

/// The directory's tenant files, by name.
std::vector<std::filesystem::path> tenant_files(const std::filesystem::path& directory,
                                                Complaint blame, Complaints& complaints) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    // Not the range form: its increment throws.
    std::filesystem::directory_iterator entry(directory, error);
    for (const std::filesystem::directory_iterator end; !error && entry != end;
         entry.increment(error)) {
        const std::filesystem::path& file = entry->path();
        // Names with a dot in front are what editors leave beside a file.
        if (file.extension() == ".conf" && !file.filename().native().starts_with('.'))
            files.push_back(file);
    }
    if (error) {
        blame.wrong = fmt::format("cannot read {}: {}", directory.native(), error.message());
        blame.right = "a readable directory of tenant files";
        complaints.push_back(std::move(blame));
    }
    std::sort(files.begin(), files.end());
    return files;
}

void read_tenants(const std::optional<std::filesystem::path>& given, const MainFile& main,
                  const std::filesystem::path& directory, Assembly& assembly,
                  Complaints& complaints) {
    if (directory.empty()) return;
    Complaint blame{main.settings.file, main.lines.tenants_directory, "tenants.directory", {}, {}};
    if (given) blame = {directory, 0, "--tenants", {}, {}};
    for (const auto& file : tenant_files(directory, std::move(blame), complaints))
        if (const auto content = FileContent::read(file, complaints))
            assembly.add_tenant(content->source());
}

/// The other way round than Clashes::check_remote_vteps(): the running tenants are not to blame.
void check_local_vtep(const TenantFile& tenant, const Settings& running, std::string_view replaced,
                      Complaints& complaints) {
    const net::IpAddress& local = tenant.settings.local_vtep;
    if (local.is_unspecified()) return;
    for (const TenantSettings& other : running.tenants) {
        if (other.name == replaced) continue;
        const auto& remotes = other.remote_vteps;
        if (std::find(remotes.begin(), remotes.end(), local) == remotes.end()) continue;
        complaints.push_back({tenant.settings.file, tenant.lines.local_vtep, "local_vtep",
                              fmt::format("{} is a remote_vtep of tenant {} ({})",
                                          local.to_string(), other.name, other.file.native()),
                              "an address of this hypervisor"});
        return;
    }
}

/// @param replaced the running tenant whose place it takes; empty: none's
void check_beside(const TenantFile& tenant, const Settings& running, std::string_view replaced,
                  Complaints& complaints) {
    // What runs has no clashes: what is complained of is the new file's.
    Clashes clashes(complaints);
    clashes.add_main(running, {});
    for (const TenantSettings& other : running.tenants)
        if (other.name != replaced) clashes.add_tenant(other, {});
    clashes.add_tenant(tenant.settings, tenant.lines);
    clashes.check_remote_vteps(tenant.settings, tenant.lines);
    check_local_vtep(tenant, running, replaced, complaints);
}

Loaded<TenantSettings> finish(TenantFile tenant, Complaints complaints) {
    if (complaints.empty()) return std::move(tenant.settings);
    sort_complaints(complaints, tenant.settings.file);
    return tl::unexpected(std::move(complaints));
}

Loaded<TenantSettings> parse_one_more(const SourceText& text, const Settings& running) {
    Complaints complaints;
    TenantFile tenant = parse_tenant_file(text, running.underlay.mtu, complaints);
    check_beside(tenant, running, {}, complaints);
    return finish(std::move(tenant), std::move(complaints));
}

} // namespace

std::string Complaint::message() const {
    std::string text = file.native();
    if (line != 0) text += ":" + std::to_string(line);
    if (!key.empty()) text += ": " + key;
    return fmt::format("{}: {}; {}", text, wrong, right);
}

Error complaints_error(const std::vector<Complaint>& complaints) {
    Error error;
    for (const Complaint& complaint : complaints)
        error.what += (error.what.empty() ? "" : "\n") + complaint.message();
    return error;
}

Loaded<Settings> load(const std::filesystem::path& main_file,
                      const std::optional<std::filesystem::path>& tenants_directory) {
    Complaints complaints;
    Assembly assembly(complaints);
    const auto content = FileContent::read(main_file, complaints);
    MainFile main;
    if (content) {
        main = parse_main_file(main_file, content->source().text, complaints);
    } else {
        main.settings.file = main_file;
        main.mtu_known = false;
    }
    if (tenants_directory) {
        std::error_code error;
        main.settings.tenants_directory =
            std::filesystem::absolute(*tenants_directory, error).lexically_normal();
    }
    const std::filesystem::path directory = main.settings.tenants_directory;
    assembly.add_main(std::move(main));
    read_tenants(tenants_directory, assembly.main(), directory, assembly, complaints);
    return assembly.finish();
}

Loaded<Settings> parse(const FileText& main_file, std::span<const FileText> tenant_files) {
    Complaints complaints;
    Assembly assembly(complaints);
    assembly.add_main(parse_main_file(main_file.file, main_file.text, complaints));
    for (const FileText& file : tenant_files)
        assembly.add_tenant({file.file, file.text});
    return assembly.finish();
}

Loaded<TenantSettings> parse_tenant(const FileText& file, const Settings& running) {
    return parse_one_more({file.file, file.text}, running);
}

Loaded<TenantSettings> load_tenant(const std::filesystem::path& file, const Settings& running) {
    Complaints complaints;
    const auto content = FileContent::read(file, complaints);
    if (!content) return tl::unexpected(std::move(complaints));
    return parse_one_more(content->source(), running);
}

Loaded<TenantSettings> reload_tenant(const TenantSettings& tenant, const Settings& running,
                                     const std::map<std::string, std::uint16_t>& open_mtus) {
    Complaints complaints;
    const auto content = FileContent::read(tenant.file, complaints);
    if (!content) return tl::unexpected(std::move(complaints));
    TenantFile file = parse_tenant_file(content->source(), running.underlay.mtu, complaints);
    // What is not understood differs, too: the complaint of that says more.
    if (complaints.empty()) complain_of_fixed(tenant, file, open_mtus, complaints);
    // Beside thousands of others, only where there is something to check.
    if (file.settings != tenant) check_beside(file, running, tenant.name, complaints);
    return finish(std::move(file), std::move(complaints));
}

} // namespace sallyport::config
