// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/file_writer.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/thread.h"

namespace ulagate {

struct FileWriter::Shared {
    struct Job {
        std::string content;
        mode_t mode = 0;
    };
    std::mutex mutex;
    std::condition_variable wake;
    std::map<std::string, Job> waiting;  // by path
    std::vector<Failure> failures;
    bool stop = false;
    std::thread thread;
};

FileWriter::FileWriter() : shared_(std::make_unique<Shared>()) {}

FileWriter::~FileWriter() { finish(); }

void FileWriter::finish() {
    if (!shared_->thread.joinable()) return;
    {
        const std::lock_guard lock{shared_->mutex};
        shared_->stop = true;
        shared_->wake.notify_one();
    }
    shared_->thread.join();
    shared_->stop = false;
}

void FileWriter::write(std::string path, std::string content, mode_t mode) {
    {
        const std::lock_guard lock{shared_->mutex};
        shared_->waiting[std::move(path)] = {std::move(content), mode};
        shared_->wake.notify_one();
    }
    if (shared_->thread.joinable()) return;
    try {
        shared_->thread = without_signals([&shared = *shared_] { serve(shared); });
    } catch (const std::system_error& error) {
        const std::lock_guard lock{shared_->mutex};
        for (const auto& [name, job] : std::exchange(shared_->waiting, {}))
            shared_->failures.push_back({name, {error.code(), "start a thread to write " + name}});
    }
}

std::vector<FileWriter::Failure> FileWriter::take_failures() {
    const std::lock_guard lock{shared_->mutex};
    return std::exchange(shared_->failures, {});
}

void FileWriter::serve(Shared& shared) {
    std::unique_lock lock{shared.mutex};
    for (;;) {
        shared.wake.wait(lock, [&] { return shared.stop || !shared.waiting.empty(); });
        if (shared.waiting.empty()) return;
        const auto job = shared.waiting.extract(shared.waiting.begin());
        lock.unlock();
        const auto written = write_file_atomically(job.key(), job.mapped().content, job.mapped().mode);
        lock.lock();
        if (!written) shared.failures.push_back({job.key(), written.error()});
    }
}

}  // namespace ulagate
