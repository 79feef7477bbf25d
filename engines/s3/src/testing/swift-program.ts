/** OpenStack Swift in one process: its four servers with the S3 layer, each on a port of its own, in one directory. */

/** What `python3` runs; it prints the port when it answers, and ends with its standard input. */
export const swiftProgram = String.raw`
import json, os, signal, sys
# An interrupt at the keyboard is meant for whoever started us, who ends us.
signal.signal(signal.SIGINT, signal.SIG_IGN)
import eventlet
eventlet.monkey_patch()
from eventlet import wsgi, listen
from swift.common import utils

directory, access, secret, port = sys.argv[1:5]
etc, devices = os.path.join(directory, 'etc'), os.path.join(directory, 'devices')
os.makedirs(etc, exist_ok=True)
os.makedirs(os.path.join(devices, 'd1'), exist_ok=True)

def write(name, text):
    with open(os.path.join(etc, name), 'w') as file:
        file.write(text)

write('swift.conf', '[swift-hash]\nswift_hash_path_suffix = postroad\n[storage-policy:0]\nname = one\ndefault = yes\n')
utils.SWIFT_CONF_FILE = os.path.join(etc, 'swift.conf')
utils.HASH_PATH_SUFFIX, utils.HASH_PATH_PREFIX = b'postroad', b''
from swift.common.ring import RingBuilder
from swift.common.wsgi import loadapp

kinds = ['account', 'container', 'object']
sockets = {kind: listen(('127.0.0.1', 0)) for kind in kinds}
sockets['proxy'] = listen(('127.0.0.1', int(port)))
for kind in kinds:
    builder = RingBuilder(2, 1, 0)
    builder.add_dev({'id': 0, 'region': 1, 'zone': 1, 'weight': 1, 'ip': '127.0.0.1',
                     'port': sockets[kind].getsockname()[1], 'device': 'd1'})
    builder.rebalance()
    builder.get_ring().save(os.path.join(etc, kind + '.ring.gz'))
    write(kind + '.conf', f'''[DEFAULT]
devices = {devices}
mount_check = false
swift_dir = {etc}
fallocate_reserve = 0
workers = 0
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
''')
write('proxy.conf', f'''[DEFAULT]
swift_dir = {etc}
workers = 0
[pipeline:main]
pipeline = catch_errors gatekeeper s3api tempauth bulk slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_{access.replace(':', '_')} = {secret} .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
check_bucket_owner = false
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
''')
class Memory:
    """What Swift asks of memcached, for the one process that there is."""
    def __init__(self):
        self.kept = {}
    def get(self, key, *_, **__):
        text = self.kept.get(key)
        return None if text is None else json.loads(text)
    def set(self, key, value, *_, **__):
        self.kept[key] = json.dumps(value)
    def delete(self, key, *_, **__):
        self.kept.pop(key, None)
    def incr(self, key, delta=1, *_, **__):
        self.set(key, max(0, (self.get(key) or 0) + delta))
        return self.get(key)
    def decr(self, key, delta=1, *_, **__):
        return self.incr(key, -delta)
    def set_multi(self, mapping, *_, **__):
        for key, value in mapping.items():
            self.set(key, value)
    def get_multi(self, keys, *_, **__):
        return [self.get(key) for key in keys]

memory = Memory()

def with_memory(app):
    def answer(env, start_response):
        env['swift.cache'] = memory
        return app(env, start_response)
    return answer

log = open(os.path.join(directory, 'log'), 'w', buffering=1)
pool = eventlet.GreenPool(2000)
for kind in kinds + ['proxy']:
    app = loadapp(os.path.join(etc, kind + '.conf'))
    app = with_memory(app) if kind == 'proxy' else app
    eventlet.spawn(wsgi.server, sockets[kind], app, log, custom_pool=pool, log_output=False)
print(sockets['proxy'].getsockname()[1], flush=True)
while True:
    eventlet.hubs.trampoline(0, read=True)
    if not os.read(0, 1):
        os._exit(0)
`;
