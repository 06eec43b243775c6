-- Upgrades the frontend from v1.0.0 to v1.1.0 and checks that its data outlives the upgrade.
--
--   kubectl apply -f config/samples/app.yaml
--   kctrl test schedule --app mock-app --script config/samples/upgrade_test.lua --include config/samples/tests
local sut = require("sut")
local net = require("net")
local db = require("db")
local pm = require("postman")

-- 1. Begin with the old version, whatever an earlier run left behind.
sut.apply_service("frontend", { version = "v1.0.0" })
sut.wait_ready("db", "120s")
sut.wait_ready("frontend", "120s")
sut.wait_ready("echo", "120s")
assert(net.get("http://frontend/version").json.version == "v1.0.0")

-- 2. Put users into the database. The password comes from the App.
db.connect({ host = "mock-app-db", user = "admin", db = "testdb" })
db.truncate("users")
db.seed({ table = "users", rows = {
  { name = "alice", role = "admin" },
  { name = "bob", role = "guest" },
} })
db.expect({ table = "users", where = { name = "alice" } })

-- 3. Read them through the service, over HTTP.
local resp = net.get("http://frontend/api/users/alice")
assert(resp.code == 200, "alice is not there: " .. resp.body)
assert(resp.json.role == "admin")
assert(net.get("http://frontend/api/users/nobody").code == 404)

-- 4. Call gRPC. The server describes itself by reflection, so there is no .proto file here.
local reply = net.grpc("mock-app-echo:50051", "topas.EchoService/Echo", { message = "hello" })
assert(reply.message == "hello", "echo answered " .. tostring(reply.message))

-- 5. Upgrade, and write while the new version rolls out.
print("upgrading the frontend to v1.1.0")
sut.apply_service("frontend", { version = "v1.1.0", replicas = 3 })
local created = net.post("http://frontend/api/users", { json = { name = "carol", role = "guest" } })
assert(created.code == 201, "creating carol: " .. created.status)
sut.wait_ready("frontend", "120s")
assert(net.get("http://frontend/version").json.version == "v1.1.0")

-- 6. Everything is still there: seen by the new version, and in the database itself.
assert(net.get("http://frontend/api/users/alice").json.role == "admin")
db.expect({ table = "users", where = { name = "carol", role = "guest" } })

-- 7. The Postman collection that the team has.
local passed, report = pm.run({ collection = "tests/api-tests.json", environment = "tests/staging.env.json", folder = "Login Flow" })
for _, failure in ipairs(report.failures) do
  print("postman: " .. failure.name .. ": " .. failure.message)
end
assert(passed, "the Postman collection failed")
