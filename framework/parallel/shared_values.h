// What ranks leave for each other at the rendezvous: texts by key, which are waited for.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "framework/parallel/connection.h"

namespace cf {

class SharedValues {
 public:
  // Sets the value of a key, and gives it to those who wait for it.
  void set(const std::string& key, const std::string& value);

  // Gives the value of a key to request number `request` of the rank at `connection`: at once, or when it is
  // set.
  void get(const std::string& key, std::int64_t request, const std::shared_ptr<Connection>& connection);

 private:
  struct Request {
    std::string key;
    std::int64_t number;
    std::shared_ptr<Connection> connection;
  };

  std::map<std::string, std::string> values_;
  std::vector<Request> waiting_;
};

}  // namespace cf
