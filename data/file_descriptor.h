// An open file, closed with the object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace cf::data {

class FileDescriptor {
 public:
  static FileDescriptor for_reading(const std::string& path);
  // Creates or empties the file, and locks it against a second writer.
  static FileDescriptor for_writing(const std::string& path);
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&&) = delete;

  const std::string& path() const { return path_; }
  // Of a regular file; anything else is a Data error.
  std::uint64_t size() const;

  // Reads exactly so many bytes from `offset`, wherever other threads read. A Data error names the path if
  // the file ends before.
  void read_at(std::uint64_t offset, void* out, std::size_t bytes) const;
  // Asks the system to fetch so many bytes from `offset` into memory.
  void will_read(std::uint64_t offset, std::uint64_t bytes) const;
  // Bytes of the file, in whole pages, that the system keeps in memory. Of a file that this user may not
  // write, the system answers: all.
  std::uint64_t cached_bytes() const;
  // Asks the system to forget the file's contents in memory; whatever is to be written is written first.
  // Pages that another process has mapped stay.
  void drop_cached() const;
  void write_at(std::uint64_t offset, const void* data, std::size_t bytes) const;
  // Returns when the contents are on the disk.
  void sync() const;

 private:
  FileDescriptor(std::string path, int fd);

  std::string path_;
  int fd_;
};

// Makes a rename or a removal in the folder of `path` last.
void sync_folder_of(const std::string& path);

}  // namespace cf::data
