"""The CNI plugin as a runtime sees it: versions, results, errors, CHECK, GC, STATUS (NETWORK.md 6)."""

import concurrent.futures
import json
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fleet import BIN, Fleet, wait_until  # noqa: E402
import claims  # noqa: E402

VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]


class Cni(claims.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(nodes=1)
        try:
            cls.fleet.start()
            cls.node = cls.fleet.nodes[0]
            cls.pod = cls.fleet.world.add_pod("pod-input")
        except BaseException:
            print("\n".join(f"# {line}" for line in cls.fleet.log_tails()))
            cls.fleet.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.fleet.close()

    @classmethod
    def diagnose(cls):
        return cls.fleet.log_tails()

    def add(self, name="input", **options):
        return self.node.call("ADD", name, options.pop("netns", self.pod.path), **options)

    def refuse(self, code, answer, *parts, version="1.1.0"):
        """The answer is an error object with that code; nothing was left in the pod."""
        self.assertEqual((answer.status, answer.code), (1, code), answer.text)
        self.assertEqual(answer.json["cniVersion"], version)
        self.assertEqual(set(answer.json) - {"details"}, {"cniVersion", "code", "msg"})
        for part in parts:
            self.assertIn(part, answer.json["msg"] + answer.json.get("details", ""))
        links = json.loads(self.pod.run(["ip", "-j", "link", "show"]).stdout)
        self.assertEqual([link["ifname"] for link in links], ["lo"])
        self.assertEqual(self.node.host_ends(), [])
        self.assertEqual(self.node.attachments(), {})

    # ---- the environment ----

    def test_an_unknown_or_missing_command_is_4(self):
        self.refuse(4, self.node.call("BOIL", "x", self.pod.path), "BOIL")
        self.refuse(4, self.node.call(None, "x", self.pod.path))

    def test_missing_variables_are_4_and_all_named(self):
        answer = self.node.call("ADD", None, None, ifname=None)
        self.refuse(4, answer, "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME")
        self.refuse(4, self.node.call("DEL", None, None), "CNI_CONTAINERID")
        self.refuse(4, self.node.call("CHECK", "x", None), "CNI_NETNS")
        self.refuse(4, self.node.call("ADD", "", self.pod.path), "CNI_CONTAINERID")

    def test_invalid_variables_are_4(self):
        for name in ("-x", "_x", ".x", "a/b", "a b", "a:b", "\u00e9", "x" * 254):
            with self.subTest(container=name):
                self.refuse(4, self.add(name), "CNI_CONTAINERID")
        for name in (".", "..", "a/b", "a:b", "a b", "a\tb", "x" * 16):
            with self.subTest(ifname=name):
                self.refuse(4, self.add(ifname=name), "CNI_IFNAME")
        self.refuse(4, self.add(netns="relative/path"), "CNI_NETNS")

    def test_unknown_args_are_4_unless_ignored(self):
        self.refuse(4, self.add(args="FOO=1"), "FOO", "IgnoreUnknown")
        self.refuse(4, self.add(args="IgnoreUnknown=0;FOO=1"), "FOO")
        self.refuse(4, self.add(args="nonsense"), "nonsense")
        self.refuse(4, self.add(args="=1"))
        for args in ("IgnoreUnknown=1;FOO=1", "FOO=1;IgnoreUnknown=true", "K8S_POD_NAME=a;K8S_POD_NAMESPACE=b", "", ";"):
            with self.subTest(args=args):
                answer = self.add(args=args)
                self.assertEqual(answer.status, 0, answer.text)
                self.assertEqual(self.node.call("DEL", "input", self.pod.path).status, 0)

    def test_a_pod_whose_name_is_no_kubernetes_name_still_starts(self):
        answer = self.add(args="IgnoreUnknown=1;K8S_POD_NAMESPACE=hungry_wozniak;K8S_POD_NAME=hungry_wozniak")
        self.assertEqual(answer.status, 0, answer.text)
        self.assertNotIn("pod", self.node.attachments()["input"])
        self.assertEqual(self.node.call("DEL", "input", self.pod.path).status, 0)

    # ---- the namespace ----

    def test_a_missing_namespace_is_3_and_named(self):
        self.refuse(3, self.add(netns="/run/netns/weft-no-such"), "/run/netns/weft-no-such")

    def test_a_file_that_is_no_namespace_is_8(self):
        self.refuse(8, self.add(netns="/etc/hostname"), "/etc/hostname")

    def test_a_pipe_is_8_and_is_not_waited_for(self):
        path = os.path.join(self.fleet.world.directory, "pipe")
        os.mkfifo(path)
        self.refuse(8, self.add(netns=path), path)
        self.assertEqual(self.node.call("DEL", "input", path).status, 0)

    def test_the_hosts_own_namespace_is_8(self):
        self.refuse(8, self.add(netns="/proc/self/ns/net"), "host's own")

    def test_an_existing_interface_is_an_error_and_stays(self):
        pod = self.node.attach("pod-twice")
        for _ in range(2):
            answer = self.node.call("ADD", "pod-twice", pod.namespace.path)
            self.assertEqual((answer.status, answer.code), (1, 101), answer.text)
        self.assertEqual(self.node.call("ADD", "somebody-else", pod.namespace.path).code, 101)
        self.assertEqual(pod.show("addr", "show", "eth0")[0]["addr_info"][0]["local"], pod.ip)
        self.assertEqual(set(self.node.attachments()), {"pod-twice"})
        self.node.detach(pod)

    def test_del_leaves_an_interface_of_somebody_else_alone(self):
        pod = self.fleet.world.add_pod("pod-foreign")
        pod.run(["ip", "link", "add", "eth0", "type", "bridge"])
        self.assertEqual(self.node.call("ADD", "pod-foreign", pod.path).code, 101)
        self.assertEqual(self.node.call("DEL", "pod-foreign", pod.path).status, 0)
        self.assertIn("eth0", pod.run(["ip", "link", "show"]).stdout)

    def test_a_second_add_never_takes_an_interface_that_works(self):
        pod = self.node.attach("pod-kept-by")
        answer = self.node.call("ADD", "pod-kept-by", self.pod.path)
        self.assertEqual((answer.status, answer.code), (1, 101), answer.text)
        for command in (["down"], ["name", "net7"], ["up"]):
            name = "net7" if command == ["up"] else "eth0"
            pod.run(["ip", "link", "set", name, *command])
        answer = self.node.call("ADD", "pod-kept-by", pod.namespace.path)
        self.assertEqual((answer.status, answer.code), (1, 101), answer.text)
        self.assertEqual([link["ifname"] for link in pod.show("link", "show")], ["lo", "net7"])
        self.assertEqual(self.node.attachments()["pod-kept-by"]["state"], "ready")
        self.node.detach(pod)

    def test_of_adds_at_once_for_one_container_one_succeeds(self):
        for _ in range(6):
            with concurrent.futures.ThreadPoolExecutor(10) as pool:
                answers = list(pool.map(lambda _: self.add("crowd"), range(10)))
            (done,) = (answer for answer in answers if answer.status == 0)
            self.assertEqual({answer.code for answer in answers if answer.status != 0}, {101})
            known = self.node.attachments()
            self.assertEqual((len(self.node.host_ends()), set(known)), (1, {"crowd"}))
            self.assertEqual(done.json["ips"][0]["address"], known["crowd"]["ip"] + "/32")
            self.assertEqual(self.node.call("DEL", "crowd", self.pod.path).status, 0)

    def test_a_second_interface_is_another_attachment(self):
        pod = self.node.attach("pod-two")
        second = self.node.call("ADD", "pod-two", pod.namespace.path, ifname="eth1")
        self.assertNotEqual(second.status, 0, "the pod has a default route already")
        links = [link["ifname"] for link in pod.show("link", "show")]
        self.assertEqual(links, ["lo", "eth0"], "a failed ADD leaves nothing")
        self.assertEqual(len(self.node.host_ends()), 1)
        self.node.detach(pod)

    # ---- stdin ----

    def test_broken_stdin_is_6(self):
        for text in ("", "nonsense", "{", "[]", "null", '{"a":1}{"b":2}', '{"a":1,"a":2}', "\xff"):
            with self.subTest(stdin=text):
                self.refuse(6, self.add(stdin=text))

    def test_a_wrong_type_is_6_and_named(self):
        for key, value in (("cniVersion", 1), ("name", 7), ("agent_socket", []), ("dns", []), ("prevResult", "x"),
                           ("runtimeConfig", 1), ("args", 1)):
            with self.subTest(key=key):
                config = self.node.config()
                config[key] = value
                self.refuse(6, self.add(config=config), key)

    def test_a_bad_name_or_socket_is_7(self):
        for name in ("", "-x", "a/b", "a b"):
            with self.subTest(name=name):
                self.refuse(7, self.add(config={**self.node.config(), "name": name}), "name")
        without = {key: value for key, value in self.node.config().items() if key != "name"}
        self.refuse(7, self.add(config=without), "name")
        self.refuse(7, self.add(config={**self.node.config(), "agent_socket": "relative"}), "agent_socket")
        self.refuse(7, self.add(config={**self.node.config(), "agent_socket": "/" + "x" * 120}), "agent_socket")

    def test_too_much_stdin_is_5(self):
        self.refuse(5, self.add(stdin=" " * (1024 * 1024 + 1)))

    def test_an_unknown_version_is_1_and_names_ours(self):
        for version in ("0.2.0", "1.2.0", "2.0.0", "x", ""):
            with self.subTest(version=version):
                self.refuse(1, self.add(config=self.node.config(version)), "1.1.0")
        without = {key: value for key, value in self.node.config().items() if key != "cniVersion"}
        self.refuse(1, self.add(config=without))

    def test_an_error_answers_in_the_version_of_the_request(self):
        self.refuse(4, self.add("-x", config=self.node.config("0.4.0")), version="0.4.0")
        self.refuse(3, self.add(netns="/no/such", config=self.node.config("1.0.0")), version="1.0.0")

    def test_unknown_keys_are_passed_over(self):
        answer = self.add(config={**self.node.config(), "capabilities": {"x": True}, "ipam": {"type": "host-local"},
                                  "runtimeConfig": {"portMappings": []}, "mtu": 9000})
        self.assertEqual(answer.status, 0, answer.text)
        self.assertEqual(self.node.call("DEL", "input", self.pod.path).status, 0)

    # ---- results ----

    def test_version_lists_all_whatever_is_on_stdin(self):
        for text, version in (('{"cniVersion":"0.4.0"}', "0.4.0"), ("", "1.1.0"), ("nonsense", "1.1.0")):
            with self.subTest(stdin=text):
                answer = self.node.call("VERSION", stdin=text)
                self.assertEqual(answer.status, 0)
                self.assertEqual(answer.json, {"cniVersion": version, "supportedVersions": VERSIONS})

    def test_the_result_has_the_form_of_each_version(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                pod = self.node.attach(f"pod-{version}", config=self.node.config(version))
                result = pod.result
                is_old = version < "1.0.0"
                self.assertEqual(result["cniVersion"], version)
                self.assertEqual([item.get("sandbox") for item in result["interfaces"]], [None, pod.namespace.path])
                self.assertEqual({"mtu" in item for item in result["interfaces"]}, {version == "1.1.0"})
                self.assertTrue(all("mac" in item for item in result["interfaces"]))
                ip = result["ips"][0]
                self.assertEqual(ip.get("version"), "4" if is_old else None)
                self.assertEqual((ip["address"], ip["gateway"], ip["interface"]), (f"{pod.ip}/32", "169.254.1.1", 1))
                self.assertEqual(result["routes"], [{"dst": "0.0.0.0/0", "gw": "169.254.1.1"}])
                self.assertEqual(result["dns"], {})
                self.node.detach(pod)

    def test_dns_of_the_configuration_is_in_the_result(self):
        dns = {"nameservers": ["10.96.0.10"], "search": ["a.b", "c"], "options": ["ndots:5"]}
        pod = self.node.attach("pod-dns", config=self.node.config(dns=dns))
        self.assertEqual(pod.result["dns"], dns)
        self.node.detach(pod)

    def test_a_chained_result_comes_first(self):
        previous = {"cniVersion": "1.1.0", "interfaces": [{"name": "lo", "sandbox": self.pod.path}],
                    "ips": [{"address": "127.0.0.1/8", "interface": 0}], "routes": [{"dst": "198.51.100.0/24"}],
                    "dns": {"domain": "x"}}
        answer = self.add(config=self.node.config(prevResult=previous))
        self.assertEqual(answer.status, 0, answer.text)
        self.assertEqual([item["name"] for item in answer.json["interfaces"]][::2], ["lo", "eth0"])
        self.assertEqual([item["interface"] for item in answer.json["ips"]], [0, 2])
        self.assertEqual([item["dst"] for item in answer.json["routes"]], ["198.51.100.0/24", "0.0.0.0/0"])
        self.assertEqual(answer.json["dns"], {"domain": "x"})
        self.assertEqual(self.node.call("DEL", "input", self.pod.path).status, 0)

    # ---- CHECK ----

    def check(self, pod, previous=None, version="1.1.0"):
        config = self.node.config(version, prevResult=previous or pod.result)
        return self.node.call("CHECK", pod.name, pod.namespace.path, config=config)

    def test_check_passes_what_add_made_and_what_others_added(self):
        pod = self.node.attach("pod-check")
        self.assertEqual(self.check(pod).text, "")
        self.assertEqual(self.check(pod).status, 0)
        pod.run(["ip", "link", "set", "eth0", "mtu", "1300"])
        pod.run(["ip", "addr", "add", "198.51.100.7/32", "dev", "eth0"])
        pod.run(["ip", "route", "add", "198.51.100.0/24", "dev", "eth0"])
        self.assertEqual(self.check(pod).status, 0)
        self.node.detach(pod)

    def test_check_names_what_is_missing(self):
        pod = self.node.attach("pod-broken")
        pod.run(["ip", "route", "delete", "default"])
        self.assertEqual(self.check(pod).code, 103)
        self.assertIn("0.0.0.0/0", self.check(pod).json["msg"])
        pod.run(["ip", "addr", "flush", "dev", "eth0"])
        self.assertIn(pod.ip, self.check(pod).json["msg"])
        pod.run(["ip", "link", "set", "eth0", "down"])
        self.assertIn("down", self.check(pod).json["msg"])
        pod.run(["ip", "link", "delete", "eth0"])
        self.assertIn("missing", self.check(pod).json["msg"])
        self.node.detach(pod)
        self.assertEqual(self.check(pod).code, 3, "nobody knows it now")

    def test_check_needs_the_previous_result_of_this_container(self):
        pod = self.node.attach("pod-previous")
        answer = self.node.call("CHECK", pod.name, pod.namespace.path)
        self.assertEqual((answer.code, answer.status), (7, 1))
        other = json.loads(json.dumps(pod.result).replace(pod.ip, "10.244.77.77"))
        self.assertEqual(self.check(pod, other).code, 103)
        self.assertEqual(self.check(pod, version="0.3.1").code, 1, "CHECK came with 0.4.0")
        self.node.detach(pod)

    # ---- GC and STATUS ----

    def test_gc_drops_what_is_not_listed_and_only_of_its_network(self):
        kept, dropped = self.node.attach("pod-kept"), self.node.attach("pod-dropped")
        other = self.node.attach("pod-other", config={**self.node.config(), "name": "another"})
        valid = [{"containerID": "pod-kept", "ifname": "eth0"}, {"containerID": "pod-dropped", "ifname": "eth9"}]
        answer = self.node.call("GC", config={**self.node.config(), "cni.dev/valid-attachments": valid}, ifname=None)
        self.assertEqual((answer.status, answer.text), (0, ""))
        self.assertEqual(set(self.node.attachments()), {"pod-kept", "pod-other"})
        self.assertEqual(len(self.node.host_ends()), 2)
        for pod in (kept, dropped, other):
            self.node.detach(pod)

    def test_gc_and_status_need_their_version_and_list(self):
        self.refuse(7, self.node.call("GC"), "valid-attachments")
        self.refuse(1, self.node.call("GC", config=self.node.config("1.0.0")), version="1.0.0")
        self.refuse(1, self.node.call("STATUS", config=self.node.config("1.0.0")), version="1.0.0")

    def test_status_is_fine_and_50_without_the_agent(self):
        answer = self.node.call("STATUS")
        self.assertEqual((answer.status, answer.text), (0, ""))
        elsewhere = {**self.node.config(), "agent_socket": "/run/weft-no-such.sock"}
        self.refuse(50, self.node.call("STATUS", config=elsewhere), "/run/weft-no-such.sock")

    def test_an_agent_that_dies_before_it_answers_finds_a_release(self):
        path = os.path.join(self.fleet.world.directory, "dies.sock")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            dying = threading.Thread(target=self.read_and_close, args=(listener,))
            dying.start()
            answer = self.add(config={**self.node.config(), "agent_socket": path})
            dying.join()
        self.refuse(11, answer, path)
        (name,) = os.listdir(path + ".released")
        with open(os.path.join(path + ".released", name), encoding="utf-8") as file:
            self.assertEqual(json.loads(file.read().split("\n", 1)[1])["container_id"], "input")

    @staticmethod
    def read_and_close(listener):
        connection, _ = listener.accept()
        connection.recv(4096)
        connection.close()

    def test_without_the_agent_add_is_11_and_says_how_to_start_it(self):
        elsewhere = {**self.node.config(), "agent_socket": "/run/weft-no-such.sock"}
        self.refuse(11, self.add(config=elsewhere), "/run/weft-no-such.sock", "systemctl start weft-agent")


class Full(claims.TestCase):
    """A node whose subnet has six addresses, five of them for pods."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(nodes=1, network={"ipv4": "10.244.0.0/24", "subnet_len": 29, "lease_ttl_s": 60})
        cls.fleet.start()
        cls.node = cls.fleet.nodes[0]

    @classmethod
    def tearDownClass(cls):
        cls.fleet.close()

    def test_a_full_subnet_is_a_clear_error_and_frees_up(self):
        pods = [self.node.attach(f"pod-{i}") for i in range(5)]
        late = self.fleet.world.add_pod("pod-late")
        answer = self.node.call("ADD", "pod-late", late.path)
        self.assertEqual((answer.status, answer.code), (1, 100), answer.text)
        self.assertIn("/29", answer.json["msg"])
        self.assertEqual(self.node.call("STATUS").code, 50)
        self.node.detach(pods[0])
        answer = self.node.call("ADD", "pod-late", late.path)
        self.assertEqual((answer.status, answer.code), (1, 11), "the freed address rests: " + answer.text)
        wait_until("it has rested", lambda: self.node.call("ADD", "pod-late", late.path).status == 0, 5)

    def test_the_plugin_answers_help_and_version(self):
        for flag in ("--help", "--version"):
            done = self.node.host.run([os.path.join(BIN, "weft-cni"), flag])
            self.assertIn("weft-cni", done.stdout)


claims.main()
