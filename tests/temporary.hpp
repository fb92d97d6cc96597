// Files of a test, in a folder of the process's own that goes with it.
#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>

namespace marquee::test {

// Where a file of that name would stand; nothing is made there. Any thread.
inline std::string temporary(const std::string& name) {
  struct Folder {
    Folder() : path((std::filesystem::temp_directory_path() / "marquee-XXXXXX").string()) {
      if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no folder " + path);
    }
    ~Folder() {
      std::error_code ignored;
      if (::getpid() == owner) std::filesystem::remove_all(path, ignored);  // not a child's that a test forks
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string path;
    const pid_t owner = ::getpid();
  };
  static const Folder folder;
  return folder.path + "/" + name;
}

// The path of a file that holds `bytes`.
inline std::string file_with(const std::string& name, const std::string& bytes) {
  std::string path = temporary(name);
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

inline std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// A file of a name that no other has; empty until something is written to it, gone with its owner.
class TempFile {
 public:
  TempFile() : path_(temporary("file-" + std::to_string(next()++))) { write({}); }
  ~TempFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  const std::string& path() const { return path_; }
  std::string read() const { return text_of(path_); }
  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

 private:
  static std::atomic<int>& next() {
    static std::atomic<int> number{0};
    return number;
  }
  std::string path_;
};

}  // namespace marquee::test
