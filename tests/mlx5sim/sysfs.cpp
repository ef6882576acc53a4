// SPDX-License-Identifier: BSD-3-Clause
#include "sysfs.h"

#include "report.h"
#include "topology.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <string_view>

#include <sys/utsname.h>
#include <unistd.h>

namespace mlx5sim {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view pci_devices = "/sys/bus/pci/devices";
constexpr std::string_view auxiliary_devices = "/sys/bus/auxiliary/devices";
constexpr std::string_view rdma_devices = "/sys/class/infiniband";
constexpr std::string_view netdevs = "/sys/class/net/";
constexpr std::string_view kernel_release = "/proc/sys/kernel/osrelease";

std::string kernel_options(const Host& host) {
    utsname system{};
    uname(&system);
    return "/boot/config-" + (host.kernel.empty() ? system.release : host.kernel);
}

std::string hex(std::uint64_t value, int digits) {
    std::ostringstream text;
    text << std::hex << std::setfill('0') << std::setw(digits) << value;
    return text.str();
}

/// The files, for as long as the process lives that wanted them.
class Tree {
  public:
    explicit Tree(const Topology& topology) : topology_(topology), owner_(getpid()) {
        std::string name = (fs::temp_directory_path() / "mlx5sim-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr)
            refuse("cannot make %s: %s", name.c_str(), std::strerror(errno));
        root_ = name;
        add_pci();
        add_rdma();
        add_netdevs();
        fs::create_directories(at(auxiliary_devices));
        add_kernel();
    }
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;
    // A child that was forked has it too, and it is not the child's.
    ~Tree() {
        std::error_code ignored;
        if (getpid() == owner_) fs::remove_all(root_, ignored);
    }

    fs::path at(std::string_view path) const { return root_ / path.substr(1); }

  private:
    static void write(const fs::path& path, const std::string& text) {
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text << '\n';
    }

    /// One range of memory, and as many empty ones as a PCI device has.
    static std::string resources() {
        std::string lines = "0x0000000090000000 0x0000000091ffffff 0x000000000014220c";
        for (unsigned empty = 0; empty < 6; ++empty)
            lines += "\n0x0000000000000000 0x0000000000000000 0x0000000000000000";
        return lines;
    }

    static constexpr unsigned functions = 2;

    void add_pci() {
        const auto& most_vfs = topology_.host.most_vfs;
        const std::string& driver = topology_.host.kernel_driver;
        for (unsigned pf = 0; pf < functions; ++pf) {
            const fs::path device = at(pci_devices) / topology_.pci_of(pf);
            write(device / "vendor", topology_.host.vendor);
            write(device / "device", "0x101d");
            write(device / "subsystem_vendor", "0x15b3");
            write(device / "subsystem_device", "0x0016");
            write(device / "class", "0x020000");
            write(device / "max_vfs", std::to_string(most_vfs.value_or(0)));
            write(device / "numa_node", "0");
            write(device / "resource", resources());
            if (most_vfs) {
                write(device / "sriov_totalvfs", std::to_string(*most_vfs));
                write(device / "sriov_numvfs", std::to_string(topology_.vfs[pf]));
            }
            write(device / "uevent", "PCI_SLOT_NAME=" + topology_.pci_of(pf));
            if (driver.empty()) continue;
            write(root_ / "sys/bus/pci/drivers" / driver / "module", "");
            fs::create_symlink("../../drivers/" + driver, device / "driver");
        }
        const fs::path rdma = at(pci_devices) / topology_.pci / "infiniband" / topology_.rdma;
        if (topology_.host.rdma_device) write(rdma / "fw_ver", topology_.capabilities.firmware);
        for (const Port& port : topology_.ports)
            write(at(pci_devices) / topology_.pci_of(port.pf) / "net"
                      / port.interface / "phys_switch_id",
                  hex(topology_.switch_id, 12));
    }

    void add_rdma() {
        write(at(rdma_devices) / topology_.rdma / "device/uevent",
              "DRIVER=mlx5_core\nPCI_SLOT_NAME=" + topology_.pci);
        write(at(rdma_devices) / topology_.rdma / "fw_ver", topology_.capabilities.firmware);
    }

    void add_netdevs() {
        for (const Port& port : topology_.ports) {
            const fs::path netdev = at(netdevs) / port.interface;
            write(netdev / "phys_port_name", port.phys_port_name);
            write(netdev / "phys_switch_id", hex(topology_.switch_id, 12));
            write(netdev / "ifindex", std::to_string(port.ifindex));
            write(netdev / "device/uevent", "PCI_SLOT_NAME=" + topology_.pci_of(port.pf));
        }
    }

    void add_kernel() {
        const Host& host = topology_.host;
        if (!host.kernel.empty()) write(at(kernel_release), host.kernel);
        std::string options;
        for (const std::string& option : host.kernel_options)
            options += option + '\n';
        if (!options.empty()) write(at(kernel_options(host)), options);
    }

    const Topology& topology_;
    const pid_t owner_;
    fs::path root_;
};

bool is_below(std::string_view path, std::string_view folder) {
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

bool is_of_kernel(std::string_view path) {
    const Host& host = topology()->host;
    return (path == kernel_release && !host.kernel.empty())
           || (path == kernel_options(host) && !host.kernel_options.empty());
}

bool is_of_card(std::string_view path) {
    if (is_below(path, pci_devices) || is_below(path, auxiliary_devices)
        || is_below(path, rdma_devices))
        return true;
    if (!path.starts_with(netdevs)) return false;
    path.remove_prefix(netdevs.size());
    return topology()->find_interface(std::string(path.substr(0, path.find('/')))) != nullptr;
}

bool may_be_ours(std::string_view path) {
    return path.starts_with("/sys/") || path.starts_with("/boot/config-") || path == kernel_release;
}

} // namespace

std::string sysfs_path(const char* path) {
    // First of all: the topology is itself read from a file.
    if (path == nullptr || !may_be_ours(path) || topology() == nullptr) return {};
    if (!is_of_card(path) && !is_of_kernel(path)) return {};
    static const Tree tree(*topology());
    return tree.at(path).string();
}

} // namespace mlx5sim
