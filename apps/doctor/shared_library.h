// A library opened at run time, so that the program starts where it is not there.
#pragma once

#include <dlfcn.h>

namespace cf::apps {

class SharedLibrary {
 public:
  // It stays loaded once it was: what NVIDIA's libraries take when they are loaded, they never give back.
  explicit SharedLibrary(const char* name) : handle_(dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)) {}
  ~SharedLibrary() {
    if (handle_) dlclose(handle_);
  }
  SharedLibrary(const SharedLibrary&) = delete;
  SharedLibrary& operator=(const SharedLibrary&) = delete;
  explicit operator bool() const { return handle_ != nullptr; }

  // Null if the library has no such function.
  template <class Function>
  Function* find(const char* name) const {
    return handle_ ? reinterpret_cast<Function*>(dlsym(handle_, name)) : nullptr;
  }

 private:
  void* handle_;
};

}  // namespace cf::apps
