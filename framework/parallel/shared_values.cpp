#include "framework/parallel/shared_values.h"

#include <algorithm>

namespace cf {

namespace {

Message answer(std::int64_t request, const std::string& value) {
  return {.kind = Message::Kind::Value, .number = request, .texts = {value}};
}

}  // namespace

void SharedValues::set(const std::string& key, const std::string& value) {
  values_[key] = value;
  const auto answered = std::stable_partition(waiting_.begin(), waiting_.end(),
                                              [&](const Request& request) { return request.key != key; });
  for (auto request = answered; request != waiting_.end(); ++request) {
    request->connection->send(answer(request->number, value));
  }
  waiting_.erase(answered, waiting_.end());
}

void SharedValues::get(const std::string& key, std::int64_t request,
                       const std::shared_ptr<Connection>& connection) {
  const auto found = values_.find(key);
  if (found == values_.end()) {
    waiting_.push_back({key, request, connection});
  } else {
    connection->send(answer(request, found->second));
  }
}

}  // namespace cf
