// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/init/machine.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill() is POSIX
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <sstream>
#include <system_error>
#include <thread>

#include "daemon/base/file.h"

namespace ulagate::init {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxUevent = 8192;
constexpr int kUeventRoom = 1 << 20;
constexpr auto kLastWords = 1s;  // between SIGTERM and SIGKILL for what is left over

void write_setting(const char* path, std::string_view value) {
    const UniqueFd fd{::open(path, O_WRONLY | O_CLOEXEC)};
    // A kernel without this setting has its own idea of it.
    if (fd && ::write(fd.get(), value.data(), value.size()) < 0) return;
}

bool is_mount_point(const std::string& path) {
    struct stat here {};
    struct stat above {};
    if (::stat(path.c_str(), &here) != 0 || ::stat((path + "/..").c_str(), &above) != 0) return false;
    return here.st_dev != above.st_dev;
}

void for_each_entry(const std::string& path, const std::function<void(const std::string&)>& entry) {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory{::opendir(path.c_str()), ::closedir};
    if (!directory) return;
    while (const dirent* found = ::readdir(directory.get())) {
        const std::string name = found->d_name;
        if (name != "." && name != "..") entry(std::string{path}.append("/").append(name));
    }
}

std::vector<std::string> words_of(const std::string& path) {
    constexpr std::size_t kMaxBytes = 8192;
    std::vector<std::string> out;
    std::istringstream words{read_file(path, kMaxBytes).value_or("")};
    for (std::string word; words >> word;) out.push_back(word);
    return out;
}

}  // namespace

std::vector<std::string> mount_all() {
    struct Mount {
        const char* type;
        const char* where;
        unsigned long flags;
        const char* options;
    };
    constexpr unsigned long kQuiet = MS_NOSUID | MS_NOEXEC;
    constexpr std::array kMounts{
        Mount{"proc", "/proc", kQuiet | MS_NODEV, ""},
        Mount{"sysfs", "/sys", kQuiet | MS_NODEV, ""},
        Mount{"devtmpfs", "/dev", kQuiet, "mode=0755"},
        Mount{"devpts", "/dev/pts", kQuiet, "mode=0620,ptmxmode=0666"},
        // An error that fills it must not take the memory of the router.
        Mount{"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755,size=16m"},
        Mount{"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777,size=64m"},
    };
    std::vector<std::string> failed;
    for (const Mount& mount : kMounts) {
        if (is_mount_point(mount.where)) continue;
        ::mkdir(mount.where, 0755);  // there already, as a rule
        if (::mount(mount.type, mount.where, mount.type, mount.flags, mount.options) != 0) {
            failed.push_back(std::string{"mount "} + mount.where + ": " +
                             std::generic_category().message(errno));
        }
    }
    return failed;
}

void set_kernel_up() {
    write_setting("/proc/sys/kernel/panic", "10");
    write_setting("/proc/sys/kernel/panic_on_oops", "1");
    // With its newline, or it is refused (devkmsg_sysctl_set_loglvl): the log would lose all but ten lines in
    // five seconds on the console.
    write_setting("/proc/sys/kernel/printk_devkmsg", "on\n");
    // ulagate's sockets and keys are nobody else's business.
    write_setting("/proc/sys/kernel/kptr_restrict", "1");
    write_setting("/proc/sys/kernel/dmesg_restrict", "1");
    // So that hosts which all start after a power cut do not speak at once, each waits up to a second before
    // its first packet (RFC 4862 5.4.2, RFC 4861 6.3.7). A router is one, and its whole LAN waits for it.
    write_setting("/proc/sys/net/ipv6/conf/default/router_solicitation_delay", "0");
    ::reboot(RB_DISABLE_CAD);
}

void bring_loopback_up() {
    const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!socket) return;
    ifreq request{};
    constexpr std::string_view kName = "lo";
    std::copy(kName.begin(), kName.end(), std::begin(request.ifr_name));
    if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return;
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    ::ioctl(socket.get(), SIOCSIFFLAGS, &request);
}

void open_standard_streams() {
    int fd = -1;
    do {
        fd = ::open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) ::close(fd);
}

void for_each_modalias(const std::string& sysfs, const std::function<void(std::string_view)>& found) {
    for_each_entry(sysfs + "/bus", [&](const std::string& bus) {
        for_each_entry(bus + "/devices", [&](const std::string& device) {
            const auto alias = read_file(device + "/modalias", 4096);
            if (alias) found(*alias);
        });
    });
}

UniqueFd open_uevents() {
    UniqueFd fd{::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT)};
    if (!fd) return {};
    // Coldplug of a big machine comes in one burst; beyond this, what was lost is looked for again.
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kUeventRoom, sizeof(kUeventRoom));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = 1;
    // The one cast that the socket API demands.
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return {};
    return fd;
}

Uevent read_uevent(int fd, std::string& message) {
    message.resize(kMaxUevent);
    sockaddr_nl from{};
    socklen_t length = sizeof(from);
    const ssize_t n = ::recvfrom(fd, message.data(), message.size(), MSG_DONTWAIT,
                                 reinterpret_cast<sockaddr*>(&from), &length);
    if (n < 0 && errno == ENOBUFS) return Uevent::lost;
    if (n < 0) return Uevent::none;
    // Processes can send here too; only the kernel has the port 0.
    message.resize(from.nl_pid == 0 ? static_cast<std::size_t>(n) : 0);
    return Uevent::message;
}

bool kernel_argument(std::string_view word) {
    const auto words = words_of("/proc/cmdline");
    return std::ranges::find(words, word) != words.end();
}

void end_machine(End how) {
    ::kill(-1, SIGTERM);
    std::this_thread::sleep_for(kLastWords);
    ::kill(-1, SIGKILL);
    // A card that has failed may never return from this: the watchdog is not fed any more.
    ::sync();
    const auto word = how == End::reboot ? RB_AUTOBOOT : how == End::halt ? RB_HALT_SYSTEM : RB_POWER_OFF;
    ::reboot(static_cast<int>(word));
}

}  // namespace ulagate::init
