// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/result.h"

namespace ulagate {

// Writes files as write_file_atomically() does, but in a thread of its own: fsync() on a cheap memory card
// takes up to seconds now and then, and the loop has an address to renew meanwhile. One file after the other;
// of two contents for one file that is waiting the later one is written.
class FileWriter {
public:
    FileWriter();
    FileWriter(const FileWriter&) = delete;
    FileWriter& operator=(const FileWriter&) = delete;
    FileWriter(FileWriter&&) = delete;
    FileWriter& operator=(FileWriter&&) = delete;
    ~FileWriter();

    void write(std::string path, std::string content, mode_t mode);
    // Waits until all is written.
    void finish();

    struct Failure {
        std::string path;
        Error error;
    };
    // What could not be written since the last call.
    std::vector<Failure> take_failures();

private:
    struct Shared;
    static void serve(Shared& shared);
    std::unique_ptr<Shared> shared_;
};

}  // namespace ulagate
