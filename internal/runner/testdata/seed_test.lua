local sut = require("sut"); local net = require("net"); local db = require("db"); local pm = require("postman")
sut.apply_service("frontend", { image = "my-org/web", version = "v1.2.0", replicas = 3 })
sut.wait_ready("frontend", "60s")
local resp = net.get("http://frontend/api/users/alice")          assert(resp.code == 200)
local g = net.grpc("mock-app-echo:50051", "topas.EchoService/Echo", { message = "hello" })   assert(g.message == "hello")
db.connect({ host="mock-app-db", user="admin", db="testdb" })    -- what is left out comes from the App
db.seed({ table="users", rows={{name="alice", role="admin"}} })
db.expect({ table="users", where={name="alice"} })
local passed, report = pm.run({ collection="tests/api-tests.json", environment="tests/staging.env.json", folder="Login Flow" })

-- What the calls above gave, beyond not having raised.
assert(passed and #report.failures == 0, report.failures[1] and report.failures[1].message)
assert(report.stats.assertions.total == 2 and report.duration > 0)
assert(sut.status("frontend").image == "my-org/web:v1.2.0" and sut.status("frontend").ready_replicas == 3)
print("the last line was reached")
